import { describe, expect, test } from '@jest/globals';
import { SonghuaError } from '@songhua/domain';
import fc from 'fast-check';
import { problemSchema } from './http.js';
import { problemOf, statusOf } from './problems.js';

const actor = fc.constantFrom('department' as const, 'operator' as const, 'platform' as const);
const DEFECT = 'the service failed; its log says why';

describe('the problem that is told of an error', () => {
  test.each([
    ['connector.unknown', 'department', false, 404],
    ['connector.lifecycle', 'department', false, 409],
    ['connector.rate-limited', 'department', true, 429],
    ['connector.config-invalid', 'department', false, 400],
    ['connector.secret-unresolved', 'operator', false, 400],
    ['sync.request-invalid', 'department', false, 400],
    ['source.missing', 'department', false, 422],
    ['catalog.reference', 'department', false, 422],
    ['ingest.not-push', 'department', false, 422],
    ['trials.busy', 'department', true, 503],
    ['catalog.unavailable', 'platform', true, 503],
    ['access.forbidden', 'department', false, 403],
    ['object.corrupt', 'operator', false, 500],
  ] as const)('%s has the same status from every service', (code, actor, retryable, status) => {
    expect(statusOf({ code, actor, retryable })).toBe(status);
  });

  test('is RFC 9457 problem details, whatever is thrown', () => {
    const thrown = fc.oneof(
      fc.oneof(fc.string(), fc.constantFrom(undefined, null, 7, {}, [], new TypeError('x'))),
      fc
        .record({ code: fc.string(), message: fc.string(), retryable: fc.boolean(), actor })
        .map(({ code, message, ...options }) => new SonghuaError(code, message, options)),
      fc
        .constantFrom(400, 404, 413, 500, 503)
        .map((statusCode) => Object.assign(new Error('x'), { statusCode, code: 'FST_ERR_X' })),
    );
    fc.assert(
      fc.property(thrown, (error) => {
        const problem = problemOf(error, DEFECT);
        expect(problemSchema.parse(problem)).toEqual(problem);
        expect(problem.status).toBeGreaterThanOrEqual(400);
      }),
    );
  });

  test('says nothing of the inside where it is not for the caller to mend', () => {
    const inside = new SonghuaError('object.corrupt', 'datasets/x holds other bytes', { actor: 'operator' });
    expect(problemOf(inside, DEFECT)).toMatchObject({ status: 500, code: 'object.corrupt', detail: DEFECT });
    expect(problemOf(inside)).toMatchObject({ detail: 'datasets/x holds other bytes' });
    expect(problemOf(new TypeError('x is not a function'), DEFECT)).toMatchObject({ status: 500, detail: DEFECT });
  });

  test("keeps the status of Fastify's own refusals, and names each field that is not valid", () => {
    const large = Object.assign(new Error('body is too large'), {
      statusCode: 413,
      code: 'FST_ERR_CTP_BODY_TOO_LARGE',
    });
    expect(problemOf(large)).toMatchObject({ status: 413, code: 'request.ctp_body_too_large' });
    const validation = [{ instancePath: '/page', message: 'must be positive' }];
    expect(problemOf({ validation, validationContext: 'querystring', statusCode: 400 })).toMatchObject({
      status: 400,
      code: 'request.invalid',
      errors: [{ path: 'querystring/page', message: 'must be positive' }],
    });
  });
});
