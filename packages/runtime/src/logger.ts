import pino, { type Logger } from 'pino';

export type { Logger } from 'pino';

/**
 * Structured logs on stdout, one JSON object a line, with the ids of a record's way as `dataset`, `sync`, `version` and `trace`.
 * Secrets never belong in a log; the usual names are censored in case one slips into an object.
 */
export function createLogger(service: string): Logger {
  return pino({
    level: process.env.SONGHUA_LOG_LEVEL ?? 'info',
    base: { service, pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: {
      paths: [
        'password',
        'secret',
        'secrets',
        'token',
        'authorization',
        '*.password',
        '*.secret',
        '*.secrets',
        '*.token',
        '*.authorization',
      ],
      censor: '[redacted]',
    },
  });
}
