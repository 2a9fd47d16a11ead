import type { DeclareOptions } from '../declare.js';
import { describeCompose } from '../docker/compose.js';
import { chooseMode, type EngineMode } from '../docker/engine.js';
import { type Endpoints, endpointsOf } from '../endpoints.js';
import { infraError } from '../errors.js';
import { writeJson } from '../files.js';
import { type Home, openHome, resolveHome } from '../home.js';
import { keepLogs } from '../logs/keeper.js';
import { createManagedProcess, type ManagedProcess } from '../process/managed.js';
import { createPortBook } from '../process/ports.js';
import { claimHome, reapProcesses, recordProcesses } from '../process/registry.js';
import { type OnProgress, reporter } from '../progress.js';
import { describeEngines } from './describe.js';
import { fetchEngines } from './fetch.js';
import { ENGINE_NAMES, type EngineName, type ObjectStoreKind } from './types.js';

export interface StartEnginesOptions {
  /** State folder; `resolveHome()` when absent. */
  home?: string;
  /** All four when absent; endpoints of engines that are not started have port 0. */
  engines?: readonly EngineName[];
  /** `$SONGHUA_ENGINES`, else Docker where it answers, when absent. SeaweedFS is native only. */
  mode?: EngineMode;
  /** MinIO where it is cached or Go is there, otherwise SeaweedFS, when absent. */
  objectStore?: ObjectStoreKind;
  /** Temporal's web page, too; off when absent. */
  temporalUi?: boolean;
  onProgress?: OnProgress;
  /** Whose topics, namespace and database to declare; the default one's when absent. */
  deployment?: string;
  /** Runs when the database and the roles of the services are there: migrations. */
  onDatabaseReady?: DeclareOptions['onDatabaseReady'];
}

export interface RunningEngines {
  readonly endpoints: Endpoints;
  readonly objectStore: ObjectStoreKind;
  readonly pids: Partial<Record<EngineName, number>>;
  /** Stops all. Data stays. */
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
  const engines = options.engines ?? ENGINE_NAMES;
  const { onProgress } = options;
  if (options.objectStore !== 'seaweedfs' && (await chooseMode(options.mode)) === 'docker') {
    return startContainers(home, engines, options);
  }
  const letGo = await claimHome(home, 'engines');
  const processes = new Map<EngineName, ManagedProcess>();
  const record = (): void =>
    recordProcesses(
      home,
      [...processes.values()].flatMap(({ spec, identity }) =>
        identity ? [{ name: spec.name, stopSignal: spec.stopSignal, ...identity }] : [],
      ),
    );
  const endLogs = keepLogs({ paths: () => [...processes.values()].map(({ spec }) => spec.log), tell: () => undefined });
  const stop = async (): Promise<void> => {
    await Promise.all([...processes.values()].map((managed) => managed.stop()));
    endLogs();
    letGo();
  };
  const find = (name: EngineName): ManagedProcess => {
    const managed = processes.get(name);
    if (managed) return managed;
    throw infraError('engine.not-running', `${name} is not among the engines started: ${engines.join(', ')}`);
  };

  try {
    await reapProcesses(home);
    const fetched = await fetchEngines({ engines, objectStore: options.objectStore, onProgress });
    const ports = createPortBook(home.ports);
    const { temporalUi = false, deployment = '' } = options;
    const { specs, endpoints } = await describeEngines({ home, ports, engines, fetched, temporalUi, deployment });
    // Loaded only here, because whoever merely asks for a status needs none of the clients.
    const { declare } = await import('../declare.js');
    const { onDatabaseReady } = options;
    const started = [...specs].map(async ([name, spec]) => {
      const report = reporter(name, onProgress);
      const managed = createManagedProcess(spec, record);
      processes.set(name, managed);
      report('starting');
      await managed.start();
      report('declaring');
      await declare(name, { endpoints, onDatabaseReady });
      report('ready');
    });
    // All must have settled before a failure stops them, or one could start after the stop.
    const failed = (await Promise.allSettled(started)).find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
    writeJson(home.endpoints, endpoints, 0o600);
    return {
      endpoints,
      objectStore: fetched.objectStore,
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

async function startContainers(
  home: Home,
  engines: readonly EngineName[],
  { onProgress, onDatabaseReady, deployment = '' }: StartEnginesOptions,
): Promise<RunningEngines> {
  const letGo = await claimHome(home, 'engines');
  const docker = await describeCompose(home, createPortBook(home.ports));
  const endpoints = endpointsOf(deployment, docker.endpoints);
  const stop = async (): Promise<void> => {
    await docker.stop();
    letGo();
  };
  try {
    await docker.up(engines, onProgress);
    const { declare } = await import('../declare.js');
    await Promise.all(engines.map((engine) => declare(engine, { endpoints, onDatabaseReady })));
  } catch (error) {
    await stop();
    throw error;
  }
  writeJson(home.endpoints, endpoints, 0o600);
  return {
    endpoints,
    objectStore: 'minio',
    pids: {},
    stop,
    kill: docker.kill,
    restart: (engine) => docker.up([engine]),
  };
}
