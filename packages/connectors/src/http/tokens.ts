import { createHash } from 'node:crypto';
import { sourceError } from '@songhua/connector-sdk';
import { z } from 'zod';
import { basic, secretOf, type TokenSource } from './authentication.js';
import type { Authentication } from './config.js';
import { shown, statusError } from './errors.js';
import { type Exchange, NO_CREDENTIALS, type Response, waitingOf } from './exchange.js';

type OAuth = Extract<Authentication, { type: 'oauth2' }>;

interface Token {
  value: string;
  /** Milliseconds since the epoch. */
  usableUntil: number;
}

export interface TokenCache {
  /** Tokens of one client at one endpoint, kept in memory between reads until they expire. */
  of(config: OAuth, secrets: Record<string, string>, asking: Asking): TokenSource;
}

interface Asking {
  exchange: Exchange;
  signal: AbortSignal;
  timeoutMs(): number;
}

// RFC 6749 leaves the lifetime optional; few servers give less.
const DEFAULT_LIFETIME_S = 300;
// A token that expires on the way is refused.
const MARGIN_MS = 30_000;
// A token endpoint that asks to wait or is down is not asked for longer.
const TOKEN_TIMEOUT_MS = 30_000;
const MAX_ANSWER_BYTES = 64 * 1024;

const answerSchema = z.object({
  access_token: z
    .string()
    .min(1)
    .regex(/^[\x21-\x7e]+$/),
  token_type: z.string().optional(),
  expires_in: z.coerce.number().nonnegative().optional().catch(undefined),
});

/** OAuth 2 client credentials (RFC 6749 4.4). Tokens are never written anywhere. */
export function createTokenCache(): TokenCache {
  const tokens = new Map<string, Token>();
  return {
    of(config, secrets, asking) {
      const clientId = secretOf(secrets, 'clientId');
      const clientSecret = secretOf(secrets, 'clientSecret');
      const key = createHash('sha256')
        .update(JSON.stringify([config, clientId, clientSecret]))
        .digest('hex');
      return {
        async token() {
          const known = tokens.get(key);
          if (known !== undefined && known.usableUntil > Date.now()) return known.value;
          const token = await ask(config, { clientId, clientSecret }, asking);
          tokens.set(key, token);
          return token.value;
        },
        forget: () => void tokens.delete(key),
      };
    },
  };
}

async function ask(
  config: OAuth,
  { clientId, clientSecret }: { clientId: string; clientSecret: string },
  { exchange, signal, timeoutMs }: Asking,
): Promise<Token> {
  const url = new URL(config.tokenUrl);
  const form = {
    grant_type: 'client_credentials',
    ...(config.scope === undefined ? {} : { scope: config.scope }),
    ...(config.audience === undefined ? {} : { audience: config.audience }),
    ...(config.clientIn === 'body' ? { client_id: clientId, client_secret: clientSecret } : {}),
  };
  // RFC 6749 2.3.1: both are form-encoded before they are joined.
  const credentials =
    config.clientIn === 'header'
      ? basic(encodeURIComponent(clientId), encodeURIComponent(clientSecret))
      : NO_CREDENTIALS;
  return exchange.send(
    { method: 'POST', url, headers: { accept: 'application/json' }, body: { form } },
    {
      credentials,
      origins: [url.origin],
      signal,
      timeoutMs: Math.min(TOKEN_TIMEOUT_MS, timeoutMs()),
      // The client's secret is in the request.
      maxRedirects: 0,
    },
    readToken,
  );
}

async function readToken(response: Response, url: URL): Promise<Token> {
  const { statusCode: status } = response;
  const text = await limitedText(response);
  if (status === 400 || status === 401 || status === 403)
    throw sourceError(
      'source.denied',
      `the token endpoint ${shown(url)} answers ${status}: check the secrets clientId and clientSecret, and the scope`,
      { details: { tokenStatus: status } },
    );
  if (status !== 200) throw statusError(status, url, waitingOf(response));
  const parsed = answerSchema.safeParse(jsonOf(text));
  if (!parsed.success || (parsed.data.token_type ?? 'bearer').toLowerCase() !== 'bearer')
    throw sourceError(
      'source.unreadable',
      `the token endpoint ${shown(url)} answers without a bearer token; check tokenUrl`,
    );
  const { access_token: value, expires_in: lifetime = DEFAULT_LIFETIME_S } = parsed.data;
  return { value, usableUntil: Date.now() + lifetime * 1000 - MARGIN_MS };
}

async function limitedText({ body }: Response): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) break;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
