import { expect, test } from '@jest/globals';
import { OBJECT_ERRORS, objectError, storeError } from './errors.js';

test('every code of the table makes an error that says whether to retry and who acts', () => {
  for (const code of Object.keys(OBJECT_ERRORS) as (keyof typeof OBJECT_ERRORS)[])
    expect(objectError(code, 'text')).toMatchObject({ code, ...OBJECT_ERRORS[code] });
});

test('a system failure is retried, an unknown one is not', () => {
  for (const code of [
    'ECONNREFUSED',
    'ECONNRESET',
    'ETIMEDOUT',
    'EPIPE',
    'HPE_INVALID_CONSTANT',
    'ERR_STREAM_PREMATURE_CLOSE',
  ])
    expect(storeError({ code, message: 'm' }, 'GET b/k')).toMatchObject({
      code: 'object.unavailable',
      retryable: true,
    });
  expect(storeError(new TypeError('defect'), 'GET b/k')).toMatchObject({ code: 'object.rejected', retryable: false });
});

test('an error of this package passes unchanged', () => {
  const error = objectError('object.too-large', 'text');
  expect(storeError(error, 'GET b/k')).toBe(error);
});
