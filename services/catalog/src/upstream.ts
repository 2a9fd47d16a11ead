import { encodePrincipal, PRINCIPAL_HEADER } from '@songhua/contracts';
import { type Principal, SonghuaError } from '@songhua/domain';

export interface Upstream {
  /** Calls are made for somebody, who may do what is asked. */
  as(principal: Principal): {
    /** The answer of the service behind `path`, as it is. Throws `connector-service.unavailable` (retryable) when it does not answer. */
    call(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<UpstreamAnswer>;
  };
}

export interface UpstreamAnswer {
  status: number;
  contentType: string;
  body: string;
}

// A dry run may read its source for five minutes.
const TIMEOUT_MS = 320_000;
const UNAUTHORIZED = 401;

/** The connector service's internal HTTP; `token` opens it. */
export function createUpstream(baseUrl: string, token: string): Upstream {
  return {
    as: (principal) => ({
      async call(method, path, body) {
        const answer = await ask(new URL(path, baseUrl), {
          method,
          headers: {
            authorization: `Bearer ${token}`,
            [PRINCIPAL_HEADER]: encodePrincipal(principal),
            ...(body !== undefined && { 'content-type': 'application/json' }),
          },
          ...(body !== undefined && { body: JSON.stringify(body) }),
          signal: AbortSignal.timeout(TIMEOUT_MS),
        });
        // The caller's credentials are good; it is the services that do not know each other.
        if (answer.status === UNAUTHORIZED)
          throw new SonghuaError(
            'connector-service.token',
            'the connector service does not accept the internal token; give both services the same SONGHUA_INTERNAL_TOKEN',
            { actor: 'operator' },
          );
        return answer;
      },
    }),
  };
}

async function ask(url: URL, init: RequestInit): Promise<UpstreamAnswer> {
  try {
    const response = await fetch(url, init);
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
}
