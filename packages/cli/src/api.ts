import { type Problem, problemSchema } from '@songhua/contracts';
import { SonghuaError } from '@songhua/domain';
import type { z } from 'zod';

type Init = Omit<RequestInit, 'headers'> & { headers?: Record<string, string>; duplex?: 'half' };

export interface Upload {
  body: ReadableStream;
  headers: Record<string, string>;
}

export interface Api {
  get<T extends z.ZodType>(path: string, schema: T): Promise<z.infer<T>>;
  post<T extends z.ZodType>(path: string, body: unknown, schema: T): Promise<z.infer<T>>;
  /** POSTs what streams, however large. */
  upload<T extends z.ZodType>(path: string, content: Upload, schema: T): Promise<z.infer<T>>;
  delete<T extends z.ZodType>(path: string, schema: T): Promise<z.infer<T>>;
  /** The body of a GET as it comes, however large and however long it takes. */
  download(path: string): Promise<ReadableStream<Uint8Array>>;
  /** The same API for one who waits: a call ends when `signal` says so, and after `timeoutMs` without an answer. */
  within(limits: { signal: AbortSignal; timeoutMs: number }): Api;
}

// A dry run may read its source for five minutes; anything longer is stuck.
const TIMEOUT_MS = 330_000;
// What stands between here and the service, or the service itself, says that it is away for now.
const AWAY = [502, 503, 504];

/** Whether a call failed because nobody answered it, or only to say "not now"; anything else is an answer. */
export function isAway(error: unknown): boolean {
  if (!(error instanceof SonghuaError)) return false;
  return error.code === 'api.unreachable' || AWAY.includes(Number(error.details?.status));
}

/** A client of the catalog service's HTTP API with an API key or token, if any. Problem details become SonghuaErrors with the server's code. */
export function createApi(
  baseUrl: string,
  credential?: string,
  limits: { signal?: AbortSignal; timeoutMs: number } = { timeoutMs: TIMEOUT_MS },
): Api {
  const unreachable = (cause: unknown): SonghuaError =>
    new SonghuaError('api.unreachable', `no answer from ${baseUrl}: see "songhua status", start it with "songhua up"`, {
      cause,
      actor: 'operator',
      retryable: true,
    });
  const send = async (path: string, init: Init): Promise<Response> => {
    let response: Response;
    try {
      response = await fetch(new URL(path, baseUrl), {
        ...init,
        headers: {
          ...(credential !== undefined && { authorization: `Bearer ${credential}` }),
          ...(init.body !== undefined && { 'content-type': 'application/json' }),
          ...init.headers,
        },
      });
    } catch (cause) {
      throw unreachable(cause);
    }
    if (response.ok) return response;
    throw problemError(response.status, path, await response.json().catch(() => undefined));
  };
  const call = async <T extends z.ZodType>(path: string, schema: T, init: Init): Promise<z.infer<T>> => {
    const limit = AbortSignal.timeout(limits.timeoutMs);
    const signal = limits.signal ? AbortSignal.any([limits.signal, limit]) : limit;
    const response = await send(path, { ...init, signal });
    // An answer that breaks off is none.
    const text = await response.text().catch((cause: unknown) => {
      throw unreachable(cause);
    });
    return schema.parse(parsed(text));
  };
  return {
    get: (path, schema) => call(path, schema, {}),
    post: (path, body, schema) =>
      call(path, schema, {
        method: 'POST',
        body: JSON.stringify(body),
      }),
    upload: (path, { body, headers }, schema) =>
      call(path, schema, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/octet-stream', ...headers },
        duplex: 'half',
      }),
    delete: (path, schema) => call(path, schema, { method: 'DELETE' }),
    async download(path) {
      const { body } = await send(path, {});
      return body ?? new ReadableStream({ start: (empty) => empty.close() });
    },
    within: (narrower) => createApi(baseUrl, credential, narrower),
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function problemError(status: number, path: string, body: unknown): SonghuaError {
  const parsed = problemSchema.safeParse(body);
  if (!parsed.success)
    return new SonghuaError('api.failed', `${path} answered ${status}; see the catalog service's log`, {
      actor: 'operator',
      details: { status },
    });
  const problem: Problem = parsed.data;
  if (problem.code === 'access.missing')
    return new SonghuaError(
      problem.code,
      'no API key: set SONGHUA_API_KEY, or work in the folder where "songhua up" made one (credentials/operator.key of its state folder)',
      { actor: 'operator' },
    );
  const { errors, dependents } = problem;
  return new SonghuaError(problem.code, problem.detail, {
    actor: problem.actor ?? (status >= 500 ? 'operator' : 'department'),
    details: { status, ...(errors && { errors }), ...(dependents && { dependents }) },
  });
}
