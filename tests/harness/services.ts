import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { waitFor } from '@songhua/runtime/testing';

const root = resolve(__dirname, '../..');
// Several whole systems may be starting on two cores.
const READY_MS = 240_000;
export const SERVICES = ['connector', 'landing', 'refresh', 'catalog'] as const;
export type ServiceName = (typeof SERVICES)[number];

// As the supervisor waits: what cannot start while an engine is away must not take the machine from it.
const RESTART_MS = 250;

/** One service process that is started again whenever it dies, as a supervisor would. */
export interface ServiceUnderTest {
  readonly pid: number;
  readonly port: number;
  /** Times that it was started again after dying. */
  readonly restarts: number;
  kill(): Promise<void>;
  /** Starts it again with other variables, for example a crash point. */
  restart(env: Record<string, string>, nodeArguments?: string[]): Promise<void>;
  stop(): Promise<void>;
}

export async function startService(options: {
  name: ServiceName;
  label: string;
  port: number;
  home: string;
  env: Record<string, string>;
}): Promise<ServiceUnderTest> {
  let child: ChildProcess | undefined;
  let wanted = true;
  let restarts = 0;
  let extraEnv: Record<string, string> = {};
  let extraArguments: string[] = [];
  mkdirSync(join(options.home, 'logs'), { recursive: true });

  const launch = (): ChildProcess => {
    const log = createWriteStream(join(options.home, 'logs', `${options.label}.log`), { flags: 'a' });
    const started = spawn(process.execPath, [...extraArguments, join(root, 'services', options.name, 'dist/main.js')], {
      env: {
        ...process.env,
        ...options.env,
        ...extraEnv,
        SONGHUA_HTTP_PORT: String(options.port),
        NODE_ENV: 'production',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    started.stdout?.pipe(log, { end: false });
    started.stderr?.pipe(log, { end: false });
    started.once('exit', () => {
      if (!wanted || child !== started) return;
      restarts++;
      setTimeout(() => {
        if (wanted && child === started) child = launch();
      }, RESTART_MS);
    });
    return started;
  };
  const gone = (process: ChildProcess): Promise<void> =>
    process.exitCode !== null || process.signalCode !== null
      ? Promise.resolve()
      : new Promise((done) => process.once('exit', () => done()));
  const ready = (): Promise<void> =>
    waitFor(
      `${options.label} to be ready`,
      async () => (await fetch(`http://127.0.0.1:${options.port}/readyz`).catch(() => undefined))?.ok === true,
      READY_MS,
    );
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const ending = child;
    child = undefined;
    ending?.kill(signal);
    if (ending) await gone(ending);
  };

  child = launch();
  try {
    await ready();
  } catch (error) {
    // Nobody else knows of it, and it would be started again for ever.
    wanted = false;
    await end('SIGKILL');
    throw error;
  }
  return {
    get pid() {
      return child?.pid ?? 0;
    },
    port: options.port,
    get restarts() {
      return restarts;
    },
    async kill() {
      const dying = child;
      dying?.kill('SIGKILL');
      if (dying) await gone(dying);
    },
    async restart(env, nodeArguments = []) {
      extraEnv = env;
      extraArguments = nodeArguments;
      await end('SIGTERM');
      child = launch();
      await ready();
    },
    async stop() {
      wanted = false;
      await end('SIGTERM');
    },
  };
}
