import pino, { type Logger, type LoggerOptions } from 'pino';
import { createLineWriter } from './line-writer.js';

export type { Logger } from 'pino';

const STDOUT = 1;

/**
 * Structured logs on stdout, one JSON object a line, with the ids of a record's way as `dataset`, `sync`, `version` and `trace`.
 * Secrets never belong in a log; the usual names are censored in case one slips into an object.
 */
export function createLogger(service: string): Logger {
  const options: LoggerOptions = {
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
  };
  return pino(options, createLineWriter({ fd: STDOUT, recovered: (code, lost) => recoveryLine(service, code, lost) }));
}

function recoveryLine(service: string, code: string, lost: number): string {
  const line = { level: 'warn', time: new Date().toISOString(), service, pid: process.pid, code, lost };
  return `${JSON.stringify({ ...line, msg: 'the log could not be written for a while' })}\n`;
}
