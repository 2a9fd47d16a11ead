import type { SchemaDifference } from './schema.js';

/** Who can do something about a failure; every terminal state names one. */
export type Actor = 'department' | 'operator' | 'platform';

export interface SonghuaErrorOptions {
  /** Whether the same call may succeed later without anybody changing anything. */
  retryable?: boolean;
  actor?: Actor;
  cause?: unknown;
  /** Facts for machines: file, line, column, limits. Never cell values. */
  details?: Record<string, unknown>;
}

/**
 * The one error class. `code` is dotted lower case, `<subject>.<problem>`, from the table of the package that throws it;
 * `message` says what was expected, what was found, where, and what to do next.
 */
export class SonghuaError extends Error {
  readonly code: string;
  readonly retryable: boolean;
  readonly actor: Actor;
  readonly details: Record<string, unknown>;

  constructor(code: string, message: string, options: SonghuaErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'SonghuaError';
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.actor = options.actor ?? 'platform';
    this.details = options.details ?? {};
  }
}

/** The reason a sync or refresh ended as it did, as it is stored and shown. */
export interface Reason {
  code: string;
  message: string;
  actor: Actor;
  retryable: boolean;
  /** When the other side said how long to leave it alone. */
  retryAfterSeconds?: number;
  /** When columns are what is wrong. */
  difference?: SchemaDifference;
}

// Node's own codes for a peer that is away for a moment.
const TRANSIENT_SYSTEM_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_SOCKET',
]);

/** `code` of anything thrown, or undefined. Classifies by code because `instanceof` fails across realms. */
export function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}

/** Turns anything thrown into a Reason; unknown errors are the platform's and retryable only when the system code says so. */
export function reasonOf(error: unknown): Reason {
  const code = codeOf(error);
  const message = (error as { message?: unknown } | null)?.message;
  const text = typeof message === 'string' ? message : String(error);
  if ((error as { name?: unknown } | null)?.name === 'SonghuaError' && code !== undefined) {
    const known = error as SonghuaError;
    const wait = (known.details as { retryAfterSeconds?: unknown } | undefined)?.retryAfterSeconds;
    const told = typeof wait === 'number' && wait > 0 ? { retryAfterSeconds: wait } : {};
    const difference = (known.details as { difference?: SchemaDifference } | undefined)?.difference;
    const shown = difference ? { difference } : {};
    return { code, message: text, actor: known.actor, retryable: known.retryable, ...told, ...shown };
  }
  const transient = code !== undefined && TRANSIENT_SYSTEM_CODES.has(code);
  return {
    code: code ? `system.${code.toLowerCase()}` : 'internal.unexpected',
    message: text,
    actor: 'platform',
    retryable: transient,
  };
}
