import { expect, test } from '@jest/globals';
import { formsOf, redact } from './redact.js';

const LONG = 'a+b(c)$longer/-secret';

test('a secret is hidden in every form and place, also inside other text', () => {
  const forms = formsOf({ password: LONG });
  const told = redact({ message: `x${LONG}y`, list: [`?p=${encodeURIComponent(LONG)}`], [LONG]: 1 }, forms);
  expect(told).toEqual({ message: 'x***y', list: ['?p=***'], '***': 1 });
});

test('a short secret is hidden where it stands as a word, and leaves other words readable', () => {
  const text = 'give the secrets clientId and clientSecret; user client@host, client:x, (client)';
  expect(redact(text, ['client'])).toBe('give the secrets clientId and clientSecret; user ***@host, ***:x, (***)');
});

test('what is no secret stays as it is', () => {
  expect(redact({ rows: [['1', 'abc']], n: 3, none: null }, ['ab'])).toEqual({
    rows: [['1', 'abc']],
    n: 3,
    none: null,
  });
});
