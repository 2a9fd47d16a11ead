import { SonghuaError, type SonghuaErrorOptions } from '@songhua/domain';

/** Every code this package throws. */
export type InfraErrorCode =
  | 'engine.unsupported'
  | 'engine.tool-missing'
  | 'engine.fetch-failed'
  | 'engine.checksum'
  | 'engine.lock-invalid'
  | 'engine.exited'
  | 'engine.not-ready'
  | 'engine.not-running'
  | 'home.busy'
  | 'home.disk-full'
  | 'port.none-free'
  | 'usage.deployment'
  | 'usage.role'
  | 'stack.not-ready'
  | 'stack.docker-failed';

/** Engines are the operator's: nothing here is mended by waiting alone unless `retryable` says so. */
export function infraError(code: InfraErrorCode, message: string, options: SonghuaErrorOptions = {}): SonghuaError {
  return new SonghuaError(code, message, { actor: 'operator', ...options });
}
