import { createLineWriter } from '@songhua/runtime';
import { isDiskFault } from './disk/space.js';
import { readJson } from './files.js';
import { planSchema } from './supervisor/plan.js';
import { createSupervisor } from './supervisor/supervisor.js';

/** `logs/supervisor.log`, opened by `up` for appending. */
const STDERR = 2;

/** `node dist/supervisor-main.js PLAN`: runs until SIGTERM. Started detached by `up`. */
async function main(planFile: string): Promise<void> {
  const stamped = (text: string): string => `${new Date().toISOString()} ${text}\n`;
  const log = createLineWriter({
    fd: STDERR,
    recovered: (code, lost) => stamped(`this log could not be written for a while (${code}): ${lost} lines were lost`),
  });
  const tell = (text: string): void => log.write(stamped(text));
  tell(`started as ${process.pid}`);
  const plan = planSchema.parse(readJson(planFile));
  const supervisor = await createSupervisor(plan, tell);
  const end = async (error?: unknown): Promise<void> => {
    const why = error === undefined ? undefined : String((error as { message?: unknown }).message ?? error);
    if (why !== undefined) tell(why);
    await supervisor.stop(why);
    tell('stopped');
    process.exit(why === undefined ? 0 : 1);
  };
  process.on('SIGTERM', () => void end());
  process.on('SIGINT', () => void end());
  // A closing terminal is no reason to stop.
  process.on('SIGHUP', () => undefined);
  // Neither is a disk: what could not be written is in memory, and what runs must be watched all the more.
  const surprised = (error: unknown): void => {
    if (isDiskFault(error)) tell(`a write failed: ${(error as Error).message}`);
    else void end(error);
  };
  process.on('uncaughtException', surprised);
  process.on('unhandledRejection', surprised);
  try {
    await supervisor.start();
    tell('ready');
  } catch (error) {
    await end(error);
  }
}

main(process.argv[2] ?? '').catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
  process.exit(1);
});
