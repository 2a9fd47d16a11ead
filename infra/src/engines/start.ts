import { declareBucket, declareDatabase, declareRetention, declareTopics } from '../declare.js';
import type { Endpoints } from '../endpoints.js';
import { infraError } from '../errors.js';
import { writeJson } from '../files.js';
import { openHome, resolveHome } from '../home.js';
import { createManagedProcess, type ManagedProcess } from '../process/managed.js';
import { claimHome, reapProcesses, recordProcesses } from '../process/registry.js';
import { type OnProgress, type Phase, reporter } from '../progress.js';
import { prepareEngines } from './set.js';
import { ENGINE_NAMES, type EngineName, type ObjectStoreKind } from './types.js';

export interface StartEnginesOptions {
  /** State folder; `resolveHome()` when absent. */
  home?: string;
  /** All four when absent; endpoints of engines that are not started have port 0. */
  engines?: readonly EngineName[];
  /** MinIO where it is cached or Go is there, otherwise SeaweedFS, when absent. */
  objectStore?: ObjectStoreKind;
  temporalUi?: boolean;
  onProgress?: OnProgress;
  /** Runs when the database exists: migrations. */
  onDatabaseReady?: (databaseUrl: string) => Promise<void>;
}

export interface RunningEngines {
  readonly endpoints: Endpoints;
  readonly objectStore: ObjectStoreKind;
  readonly pids: Partial<Record<EngineName, number>>;
  /** Stops all, last started first. Data stays. */
  stop(): Promise<void>;
  /** SIGKILL, as a crash would be; resolves when it is gone. */
  kill(engine: EngineName): Promise<void>;
  /** Starts an engine again (stopping it first when it runs) on the same port; resolves when ready. */
  restart(engine: EngineName): Promise<void>;
}

/**
 * Fetches, starts and declares the engines of one state folder as children of this process, and resolves when all are ready. They
 * outlive this process unless stopped; whoever starts the same state folder next ends what was left.
 */
export async function startEngines(options: StartEnginesOptions = {}): Promise<RunningEngines> {
  const home = openHome(resolveHome(options.home));
  const names = options.engines ?? ENGINE_NAMES;
  const letGo = await claimHome(home, 'engines');
  const processes = new Map<EngineName, ManagedProcess>();
  const record = (): void =>
    recordProcesses(
      home,
      [...processes.values()].flatMap(({ spec, identity }) =>
        identity ? [{ name: spec.name, stopSignal: spec.stopSignal, ...identity }] : [],
      ),
    );
  const stop = async (): Promise<void> => {
    await Promise.all([...processes.values()].map((managed) => managed.stop()));
    letGo();
  };
  const find = (name: EngineName): ManagedProcess => {
    const managed = processes.get(name);
    if (managed) return managed;
    throw infraError('engine.not-running', `${name} is not among the engines started: ${names.join(', ')}`);
  };

  try {
    await reapProcesses(home);
    const set = await prepareEngines({ ...options, home });
    const declare: Record<EngineName, (report: (phase: Phase) => void) => Promise<void>> = {
      kafka: () => declareTopics(set.endpoints.brokers),
      temporal: () =>
        declareRetention(set.build('temporal'), set.endpoints.temporalAddress, set.endpoints.temporalNamespace),
      'object-store': () => declareBucket(set.endpoints.s3),
      postgres: async () => {
        await declareDatabase(set.endpoints.databaseUrl);
        await options.onDatabaseReady?.(set.endpoints.databaseUrl);
      },
    };
    const started = names.map(async (name) => {
      const spec = set.specs.get(name);
      if (!spec) throw infraError('engine.not-running', `no engine is called ${name}`);
      const report = reporter(name, options.onProgress);
      const managed = createManagedProcess(spec, record);
      processes.set(name, managed);
      report('starting');
      await managed.start();
      report('declaring');
      await declare[name](report);
      report('ready');
    });
    // All must have settled before a failure stops them, or one could start after the stop.
    const failed = (await Promise.allSettled(started)).find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
    writeJson(home.endpoints, set.endpoints, 0o600);
    return {
      endpoints: set.endpoints,
      objectStore: set.objectStore,
      get pids() {
        const pids: Partial<Record<EngineName, number>> = {};
        for (const [name, managed] of processes) if (managed.identity) pids[name] = managed.identity.pid;
        return pids;
      },
      stop,
      kill: (name) => find(name).kill(),
      restart: async (name) => {
        await find(name).stop();
        await find(name).start();
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
