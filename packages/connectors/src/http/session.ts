import type { ReadContext } from '@songhua/connector-sdk';
import { codeOf } from '@songhua/domain';
import { createAuthenticator } from './authentication.js';
import type { HttpConfig } from './config.js';
import { type Destination, type Download, receive } from './download.js';
import type { Exchange } from './exchange.js';
import { createPace } from './pace.js';
import type { Plan } from './plan.js';
import type { TokenCache } from './tokens.js';

export interface Session {
  /**
   * Spools what answers `plan`, or undefined for 304: with credentials, at the source's pace, within the time limit. `patient`: passing
   * failures are tried again here, because what came before would be lost with them.
   */
  fetch(
    plan: Plan,
    options: Destination & { headers?: Record<string, string>; patient?: boolean },
  ): Promise<Download | undefined>;
}

/** The requests of one read. */
export function openSession(
  { config, secrets, limits, signal }: ReadContext<HttpConfig>,
  { exchange, tokens }: { exchange: Exchange; tokens: TokenCache },
): Session {
  const { requestsPerSecond, pagination } = config;
  const pace = createPace({ requestsPerSecond, timeoutMs: limits.timeoutMs, signal });
  const asking = { exchange, signal, timeoutMs: () => Math.max(1, pace.left()) };
  const authenticator = createAuthenticator(config.authentication, secrets, (oauth) =>
    tokens.of(oauth, secrets, asking),
  );
  const origins = trustedOrigins(config.url, pagination);
  return {
    async fetch(plan, { headers = {}, patient = false, ...destination }) {
      let renewed = false;
      for (let attempt = 1; ; attempt++) {
        await pace.turn();
        try {
          const credentials = await authenticator.credentials();
          return await exchange.send(
            plan,
            { credentials, origins, headers, signal, timeoutMs: asking.timeoutMs() },
            (response, url, limited) => receive(response, url, { ...destination, signal: limited }),
          );
        } catch (error) {
          if (!renewed && isUnauthorized(error) && authenticator.renew()) renewed = true;
          else await pace.afterFailure(error, attempt, patient);
        }
      }
    },
  };
}

/** Where credentials go: to the source itself, and to the servers that the config names besides it. */
export function trustedOrigins(url: string, pagination: HttpConfig['pagination']): string[] {
  const others = pagination?.type === 'link' ? pagination.origins : [];
  return [url, ...others].map((one) => new URL(one).origin);
}

const isUnauthorized = (error: unknown): boolean =>
  codeOf(error) === 'source.denied' && (error as { details?: { status?: unknown } }).details?.status === 401;
