import { SonghuaError } from '@songhua/domain';

export interface Upstream {
  /** The answer of the service behind `path`, as it is. Throws `connector-service.unavailable` (retryable) when it does not answer. */
  call(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<UpstreamAnswer>;
}

export interface UpstreamAnswer {
  status: number;
  contentType: string;
  body: string;
}

// A preview reads the first rows of a source that may be slow.
const TIMEOUT_MS = 60_000;

/** The connector service's internal HTTP. */
export function createUpstream(baseUrl: string): Upstream {
  return {
    async call(method, path, body) {
      try {
        const response = await fetch(new URL(path, baseUrl), {
          method,
          ...(body !== undefined && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
          signal: AbortSignal.timeout(TIMEOUT_MS),
        });
        return {
          status: response.status,
          contentType: response.headers.get('content-type') ?? 'application/json',
          body: await response.text(),
        };
      } catch (cause) {
        throw new SonghuaError(
          'connector-service.unavailable',
          'the connector service does not answer; nothing may have been done, see "songhua status" and try again',
          { cause, retryable: true, actor: 'operator' },
        );
      }
    },
  };
}
