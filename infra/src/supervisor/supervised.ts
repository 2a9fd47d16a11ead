import { setTimeout as delay } from 'node:timers/promises';
import { createManagedProcess, type ManagedProcess, type ProcessSpec } from '../process/managed.js';
import type { ProcessState } from './state.js';

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 30_000;
/** A process that lived this long has recovered: its next crash is a first one again. */
const RECOVERED_MS = 60_000;
const HEALTH_INTERVAL_MS = 5_000;
/** One slow answer on a busy machine is not an illness. */
const FAILURES_TO_UNHEALTHY = 3;

export interface Supervised {
  readonly state: ProcessState;
  readonly managed: ManagedProcess;
  /** Starts it and keeps it running; resolves when it is ready for the first time, or stopped. */
  run(): Promise<void>;
  stop(): Promise<void>;
}

export interface SupervisedOptions {
  spec: ProcessSpec;
  kind: 'engine' | 'service';
  url: string | null;
  onChange(): void;
  /** One line of the supervisor's log. */
  tell(text: string): void;
}

/** The pause before restart number `failures` in a row, in ms. */
export function pauseBefore(failures: number): number {
  return Math.min(FIRST_PAUSE_MS * 2 ** Math.max(0, failures - 1), LONGEST_PAUSE_MS);
}

const failed = (why: string): Pick<ProcessState, 'lastError' | 'lastErrorAt'> => ({
  lastError: why,
  lastErrorAt: new Date().toISOString(),
});

/** One process that is started again whenever it ends by itself, with growing pauses. */
export function createSupervised({ spec, kind, url, onChange, tell }: SupervisedOptions): Supervised {
  const state: ProcessState = {
    name: spec.name,
    kind,
    state: 'waiting',
    pid: null,
    started: null,
    url,
    restarts: 0,
    lastError: null,
    lastErrorAt: null,
    readyAt: null,
    log: spec.log,
  };
  const change = (changes: Partial<ProcessState>): void => {
    Object.assign(state, changes);
    onChange();
  };
  const managed = createManagedProcess(spec, () =>
    change({ pid: managed.identity?.pid ?? null, started: managed.identity?.started ?? null }),
  );
  const stopping = new AbortController();
  let failures = 0;
  let health: NodeJS.Timeout | undefined;

  const watch = (): void => {
    let missed = 0;
    health = setInterval(() => {
      spec.probe().then(
        () => {
          missed = 0;
          if (state.state !== 'unhealthy') return;
          change({ state: 'ready' });
          tell(`${spec.name} answers again`);
        },
        (error: unknown) => {
          missed += 1;
          if (missed < FAILURES_TO_UNHEALTHY || state.state !== 'ready') return;
          const why = String((error as { message?: unknown }).message ?? error);
          change({ state: 'unhealthy', ...failed(why) });
          tell(`${spec.name} does not answer: ${why}`);
        },
      );
    }, HEALTH_INTERVAL_MS);
  };

  const keepStarting = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      change({ state: 'starting' });
      try {
        await managed.start();
        change({ state: 'ready', readyAt: new Date().toISOString() });
        tell(`${spec.name} is ready as process ${state.pid}`);
        watch();
        return;
      } catch (error) {
        if (stopping.signal.aborted) return;
        failures += 1;
        await fallen(String((error as Error).message));
      }
    }
  };
  /** Tells of an end, and waits before the next start. */
  const fallen = async (why: string): Promise<void> => {
    const pauseMs = pauseBefore(failures);
    change({ state: 'crashed', restarts: state.restarts + 1, ...failed(why) });
    // A start that failed comes with the end of the log, which is where the reader can look as well.
    const [what = ''] = why.split(/; the end of |\n/);
    const said = what.startsWith(spec.name) ? what : `${spec.name} ${what}`;
    tell(`${said}; restart ${state.restarts} (${failures} in a row) in ${pauseMs / 1000} s`);
    await delay(pauseMs, undefined, { signal: stopping.signal }).catch(() => undefined);
  };

  managed.onCrash((how) => {
    // A death while starting is `keepStarting`'s to handle.
    if (state.state !== 'ready' && state.state !== 'unhealthy') return;
    clearInterval(health);
    const lived = Date.now() - Date.parse(state.readyAt ?? '');
    failures = lived > RECOVERED_MS ? 1 : failures + 1;
    void fallen(`ended by itself (${how}) after ${Math.round(lived / 1000)} s`).then(keepStarting);
  });

  return {
    state,
    managed,
    run: keepStarting,
    stop: async () => {
      stopping.abort();
      clearInterval(health);
      if (state.state !== 'waiting') change({ state: 'stopping' });
      await managed.stop();
      change({ state: 'stopped' });
    },
  };
}
