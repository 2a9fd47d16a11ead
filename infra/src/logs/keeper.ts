import { codeOf } from '@songhua/domain';
import { isLarge, LOG_LIMITS, type LogLimits, rotateLog } from './rotate.js';

const INTERVAL_MS = 2_000;

export interface KeepLogsOptions {
  /** The logs that are written now. */
  paths(): string[];
  /** Told once when logs cannot be rotated, and why. */
  tell(text: string): void;
  limits?: LogLimits;
  intervalMs?: number;
}

/**
 * Keeps logs bounded that other processes write, for as long as this process lives. Their output goes to files and not through a pipe,
 * so that they live on when we die. Returns how to end it.
 */
export function keepLogs({ paths, tell, limits = LOG_LIMITS, intervalMs = INTERVAL_MS }: KeepLogsOptions): () => void {
  const failing = new Set<string>();
  let busy = false;
  const tick = async (): Promise<void> => {
    if (busy) return;
    busy = true;
    for (const path of paths()) {
      try {
        if (isLarge(path, limits)) await rotateLog(path, limits);
        failing.delete(path);
      } catch (error) {
        if (!failing.has(path)) tell(`${path} cannot be rotated: ${codeOf(error) ?? error}`);
        failing.add(path);
      }
    }
    busy = false;
  };
  void tick();
  const timer = setInterval(() => void tick(), intervalMs);
  timer.unref();
  return () => clearInterval(timer);
}
