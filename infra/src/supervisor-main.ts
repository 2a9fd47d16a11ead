import { readJson } from './files.js';
import { planSchema } from './supervisor/plan.js';
import { createSupervisor } from './supervisor/supervisor.js';

/** `node dist/supervisor-main.js PLAN`: runs until SIGTERM. Started detached by `up`; its output is `logs/supervisor.log`. */
async function main(planFile: string): Promise<void> {
  const log = (text: string): void => {
    process.stderr.write(`${new Date().toISOString()} ${text}\n`);
  };
  const plan = planSchema.parse(readJson(planFile));
  const supervisor = await createSupervisor(plan);
  const end = async (error?: unknown): Promise<void> => {
    const why = error === undefined ? undefined : String((error as { message?: unknown }).message ?? error);
    if (why !== undefined) log(why);
    await supervisor.stop(why);
    log('stopped');
    process.exit(why === undefined ? 0 : 1);
  };
  process.on('SIGTERM', () => void end());
  process.on('SIGINT', () => void end());
  // A closing terminal is no reason to stop.
  process.on('SIGHUP', () => undefined);
  process.on('uncaughtException', (error) => void end(error));
  process.on('unhandledRejection', (error) => void end(error));
  log(`started as ${process.pid}`);
  try {
    await supervisor.start();
    log('ready');
  } catch (error) {
    await end(error);
  }
}

main(process.argv[2] ?? '').catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
  process.exit(1);
});
