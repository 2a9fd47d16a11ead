import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ensureAccess } from '../access.js';
import { INFRA_FOLDER } from '../builds/lock.js';
import { run } from '../builds/run.js';
import { createReserve } from '../disk/reserve.js';
import { watchDisk } from '../disk/watch.js';
import { type Endpoints, endpointsOf } from '../endpoints.js';
import { describeEngines } from '../engines/describe.js';
import { infraError } from '../errors.js';
import { writeJson } from '../files.js';
import { type Home, openHome } from '../home.js';
import { keepLogs } from '../logs/keeper.js';
import { identify } from '../process/identity.js';
import { createPortBook } from '../process/ports.js';
import { claimHome, reapProcesses } from '../process/registry.js';
import type { Plan } from './plan.js';
import { createRecorder } from './recorder.js';
import { describeServices } from './services.js';
import type { StackPhase, StackState } from './state.js';
import { createSupervised, type Supervised } from './supervised.js';

const DECLARE_TIMEOUT_MS = 120_000;
const DECLARE_TRIES = 4;
const DECLARE_PAUSE_MS = 1_000;

export interface Supervisor {
  /** Resolves when everything runs, or when `stop` was called meanwhile; rejects when what is declared cannot be applied. */
  start(): Promise<void>;
  /** Services first, then engines. Idempotent. */
  stop(error?: string): Promise<void>;
}

/**
 * Owns one state folder: its engines and services, and the state file that tells about them.
 * @param tell takes one line of its log; must not throw.
 */
export async function createSupervisor(plan: Plan, tell: (text: string) => void): Promise<Supervisor> {
  const home = openHome(plan.home);
  const letGo = await claimHome(home, 'supervisor');
  const engines: Supervised[] = [];
  const services: Supervised[] = [];
  const self = identify(process.pid);
  const startedAt = new Date().toISOString();
  const native = plan.engines.mode === 'native' ? plan.engines : undefined;
  let phase: StackPhase = 'starting';
  let problem: string | null = null;
  let endpoints: Endpoints | undefined;
  let apiUrl: string | null = null;
  let stopped: Promise<void> | undefined;

  const all = (): Supervised[] => [...engines, ...services];
  const reserve = createReserve(home.reserve);
  const recorder = createRecorder({
    home,
    reserve,
    tell,
    processes: () =>
      all().flatMap(({ managed: { spec, identity } }) =>
        identity ? [{ name: spec.name, stopSignal: spec.stopSignal, ...identity }] : [],
      ),
    state: (): StackState => ({
      phase,
      deployment: plan.deployment,
      mode: plan.engines.mode,
      objectStore: native?.objectStore ?? 'minio',
      supervisor: self ?? { pid: process.pid, started: '' },
      startedAt,
      updatedAt: new Date().toISOString(),
      error: problem,
      apiUrl,
      temporalUi: endpoints?.temporalUi ?? null,
      processes: all().map((supervised) => supervised.state),
    }),
  });
  const onChange = recorder.soon;
  const logs = [join(home.logs, 'supervisor.log')];
  const watches = [
    watchDisk(home.root, reserve, tell),
    keepLogs({ paths: () => [...logs, ...all().map(({ state }) => state.log)], tell }),
  ];
  const enter = (next: StackPhase): void => {
    phase = next;
    recorder.write();
  };
  const running = (): boolean => stopped === undefined;

  const startEngines = async (): Promise<Endpoints> => {
    if (plan.engines.mode === 'docker') return endpointsOf(plan.deployment, plan.engines.endpoints);
    const { names, builds, objectStore, java } = plan.engines;
    const described = await describeEngines({
      home,
      ports,
      engines: names,
      fetched: { builds, objectStore, java },
      temporalUi: true,
      deployment: plan.deployment,
    });
    for (const spec of described.specs.values())
      engines.push(createSupervised({ spec, kind: 'engine', url: null, onChange, tell }));
    await Promise.all(engines.map((engine) => engine.run()));
    return described.endpoints;
  };

  const ports = createPortBook(home.ports);
  return {
    start: async () => {
      // Before anything is recorded: the record names what a killed predecessor left.
      const left = await reapProcesses(home);
      if (left.length > 0) tell(`ended what a killed predecessor had left: ${left.join(', ')}`);
      enter('starting');
      endpoints = await startEngines();
      writeJson(home.endpoints, endpoints, 0o600);
      if (!running()) return;
      if (native?.names.length !== 0) {
        enter('declaring');
        await applyDeclared(home, running);
        if (!running()) return;
      }
      for (const { service, spec, url } of await describeServices(plan, home, ports, endpoints)) {
        services.push(createSupervised({ spec, kind: 'service', url, onChange, tell }));
        if (service === 'catalog') apiUrl ??= url;
      }
      await Promise.all(services.map((service) => service.run()));
      if (running()) enter('ready');
    },
    stop: (error) => {
      stopped ??= (async () => {
        problem = error ?? null;
        enter('stopping');
        await Promise.all(services.map((service) => service.stop()));
        await Promise.all(engines.map((engine) => engine.stop()));
        for (const end of watches) end();
        letGo();
        enter(error === undefined ? 'stopped' : 'failed');
        recorder.end();
      })();
      return stopped;
    },
  };
}

async function applyDeclared(home: Home, running: () => boolean): Promise<void> {
  const program = join(INFRA_FOLDER, 'dist', 'declare-main.js');
  const args = [program, home.endpoints];
  const env = { ...process.env, SONGHUA_OPERATOR_KEY: ensureAccess(home).operatorKey };
  for (let attempt = 1; ; attempt += 1) {
    try {
      await run(process.execPath, args, { cwd: home.root, env, timeoutMs: DECLARE_TIMEOUT_MS });
      return;
    } catch (error) {
      if (!running()) return;
      if (attempt === DECLARE_TRIES) {
        const why = String((error as Error).message);
        throw infraError('stack.not-ready', `topics, namespace, bucket or database could not be declared: ${why}`);
      }
      await delay(DECLARE_PAUSE_MS * attempt);
    }
  }
}
