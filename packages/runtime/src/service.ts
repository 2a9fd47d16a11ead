import { reasonOf } from '@songhua/domain';
import { createLogger, type Logger } from './logger.js';
import { createMetrics, type Registry } from './metrics.js';

export interface ServiceContext {
  logger: Logger;
  metrics: Registry;
  /** Ends the process visibly: for a part that cannot go on. */
  fail(error: unknown): void;
}

export interface RunningService {
  stop(): Promise<void>;
}

// Long enough for a refresh step to reach its next commit point, shorter than a cluster's usual 30 s before SIGKILL.
const STOP_LIMIT_MS = 20_000;

/** Runs a service until SIGTERM or SIGINT, then stops it cleanly. Exit 0 after a clean stop, 1 after a failure, which is logged. */
export function runService(name: string, start: (context: ServiceContext) => Promise<RunningService>): void {
  const logger = createLogger(name);
  let running: RunningService | undefined;
  let ending = false;

  const end = (code: number): void => {
    if (ending) return;
    ending = true;
    const limit = setTimeout(() => {
      logger.error({ limitMs: STOP_LIMIT_MS }, 'stop took too long, ending now');
      process.exit(1);
    }, STOP_LIMIT_MS);
    limit.unref();
    Promise.resolve(running?.stop()).then(
      () => process.exit(code),
      (error) => {
        logger.error({ reason: reasonOf(error) }, 'stop failed');
        process.exit(1);
      },
    );
  };
  const fail = (error: unknown): void => {
    logger.fatal({ reason: reasonOf(error), err: error }, 'cannot go on');
    end(1);
  };

  process.once('SIGTERM', () => end(0));
  process.once('SIGINT', () => end(0));
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);

  start({ logger, metrics: createMetrics(name), fail }).then((service) => {
    running = service;
    logger.info('started');
  }, fail);
}
