import { expect, test } from '@jest/globals';
import { SOURCE_ERRORS, sourceError } from '../src/index.js';

test('every error of a source says by its code who can act and whether to try again', () => {
  for (const [code, { actor, retryable }] of Object.entries(SOURCE_ERRORS)) {
    expect(code).toMatch(/^(source|connector)\.[a-z-]+$/);
    expect(sourceError(code as keyof typeof SOURCE_ERRORS, 'x')).toMatchObject({ code, actor, retryable });
  }
});
