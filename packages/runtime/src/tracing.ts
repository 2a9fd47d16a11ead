import { randomBytes } from 'node:crypto';

/** A W3C `traceparent` (version 00, sampled) for the start of a record's way. */
export function newTraceparent(): string {
  return `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`;
}

/** The trace id of a `traceparent`, for log lines. */
export function traceIdOf(traceparent: string): string {
  return traceparent.split('-')[1] ?? '';
}
