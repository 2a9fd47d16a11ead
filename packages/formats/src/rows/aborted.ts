import { formatError } from '../errors.js';

export function throwIfAborted(name: string, signal: AbortSignal | undefined): void {
  if (signal?.aborted) {
    throw formatError('read.aborted', `reading ${name} was aborted`, { file: name }, signal.reason);
  }
}
