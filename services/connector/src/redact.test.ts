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

test('a secret is hidden as servers repeat it: percent-encoded in either case, escaped, in hex, in base64 beside what else was sent', () => {
  const password = 'a+b "c"/=小-secret?';
  const forms = formsOf({ password });
  const basic = Buffer.from(`someone-from-the-config:${password}`).toString('base64');
  const echoes = [
    encodeURIComponent(password),
    encodeURIComponent(password).toLowerCase(),
    new URLSearchParams({ p: password }).toString(),
    JSON.stringify({ password }),
    Buffer.from(password).toString('hex'),
    Buffer.from(password).toString('base64'),
    Buffer.from(password).toString('base64url'),
  ];
  for (const echo of echoes) expect(redact(`got ${echo} !`, forms)).toMatch(/^got (p=|\{"password":")?\*\*\*("\})? !$/);
  // At both ends a character may be half of what stands beside the password.
  const left = redact(basic, forms);
  expect(left).toContain('***');
  expect(left.length).toBeLessThan(Buffer.from('someone-from-the-config:').toString('base64').length + 8);
});

test('of a key with several lines each is hidden', () => {
  const lines = [
    '-----BEGIN KEY-----',
    'MIIEvQIBADANBgkqhkiG9w0BAQEFAASC',
    'BKcwggSjAgEAAoIBAQC7',
    '-----END KEY-----',
  ];
  const told = redact(`line 3: ${lines[2]} is bad`, formsOf({ key: lines.join('\n') }));
  expect(told).toBe('line 3: *** is bad');
});

test('a short password is hidden in the credential that it is part of', () => {
  const basic = Buffer.from('reader:hunter22!').toString('base64');
  expect(redact(`Basic ${basic}`, formsOf({ password: 'hunter22' }))).toContain('***');
});
