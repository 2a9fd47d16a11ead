import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { namesOf } from '@songhua/contracts';
import { INFRA_FOLDER } from '../builds/lock.js';
import type { ServiceName } from '../declared.js';
import { createReserve } from '../disk/reserve.js';
import { isNoSpace, levelOf, spaceOf } from '../disk/space.js';
import { describeCompose } from '../docker/compose.js';
import { chooseMode, type EngineMode } from '../docker/engine.js';
import { fetchEngines } from '../engines/fetch.js';
import { ENGINE_NAMES, type EngineName, type ObjectStoreKind } from '../engines/types.js';
import { infraError } from '../errors.js';
import { readJson, tail, writeJson } from '../files.js';
import { type Home, openHome, resolveHome } from '../home.js';
import { createPortBook } from '../process/ports.js';
import { ownerOf } from '../process/registry.js';
import { type OnProgress, type Phase, reporter } from '../progress.js';
import { down } from './down.js';
import { defaultServices, type Plan, planSchema, type ServicePlan } from './plan.js';
import { type ProcessState, readState, type StackState } from './state.js';

export interface UpOptions {
  /** State folder; `resolveHome()` when absent. */
  home?: string;
  /** `$SONGHUA_ENGINES`, else Docker where it answers, when absent. SeaweedFS is native only. */
  mode?: EngineMode;
  objectStore?: ObjectStoreKind;
  /** When absent: what this state folder ran last, else the four services of this checkout. */
  services?: ServicePlan[];
  /** When absent: `$SONGHUA_DEPLOYMENT`, else that of the last run, else the default one. */
  deployment?: string;
  /** Replicas of the four services of this checkout; 1 of each that is not named. */
  replicas?: Partial<Record<ServiceName, number>>;
  /** All four when absent; none for services that need none. */
  engines?: readonly EngineName[];
  /** More environment variables for every service; when absent, those of the last run. */
  env?: Record<string, string>;
  onProgress?: OnProgress;
  /** From engines fetched to everything ready; 180 s when absent. */
  timeoutMs?: number;
}

const READY_TIMEOUT_MS = 180_000;
const POLL_MS = 100;
/** A process that ended this often while starting will not come up by itself. */
const HOPELESS_RESTARTS = 5;

const PHASE_OF: Partial<Record<ProcessState['state'], Phase>> = { starting: 'starting', ready: 'ready' };

/**
 * Starts engines and services under a supervisor that outlives this process and its terminal, and resolves when all are ready. Where
 * the same stack runs already nothing happens; where it runs with other settings it is restarted with these. Throws
 * `stack.not-ready` with the reason and the end of the log, after stopping what had started, and `home.disk-full`.
 */
export async function up(options: UpOptions = {}): Promise<StackState> {
  const home = openHome(resolveHome(options.home));
  // A start writes before there is a supervisor to make room for it.
  if (levelOf(spaceOf(home.root)) === 'full') createReserve(home.reserve).releaseAll();
  try {
    return await start(home, options);
  } catch (error) {
    if (!isNoSpace(error)) throw error;
    throw infraError(
      'home.disk-full',
      `nothing can be written at ${home.root}: make room on its disk, then try again`,
      {
        cause: error,
      },
    );
  }
}

async function start(home: Home, options: UpOptions): Promise<StackState> {
  const plan = await makePlan(home, options);
  if (ownerOf(home)?.role === 'supervisor') {
    const current = readState(home.root);
    if (isDeepStrictEqual(readJson(home.plan), plan) && current && current.phase !== 'stopping') {
      return untilReady(home, options, () => true);
    }
    await down({ home: home.root });
  }
  writeJson(home.plan, plan, 0o600);
  // What it says is of an earlier run.
  await rm(home.state, { force: true });
  return untilReady(home, options, launch(home));
}

async function makePlan(home: Home, options: UpOptions): Promise<Plan> {
  const last = planSchema.safeParse(readJson(home.plan)).data;
  const remembered = options.replicas ? undefined : last?.services;
  const services = options.services ?? remembered ?? defaultServices(options.replicas);
  const missing = services.find((service) => service.replicas > 0 && !existsSync(service.entry));
  if (missing) {
    throw infraError('stack.not-ready', `${missing.entry} does not exist: build the checkout first (npm run build)`);
  }
  const deployment = options.deployment ?? process.env.SONGHUA_DEPLOYMENT ?? last?.deployment ?? '';
  // A name that cannot be one is told before anything is fetched.
  namesOf(deployment);
  const engines = await planEngines(home, options, last?.engines);
  return { home: home.root, deployment, engines, services, env: options.env ?? last?.env ?? {} };
}

async function planEngines(
  home: Home,
  options: UpOptions,
  last: Plan['engines'] | undefined,
): Promise<Plan['engines']> {
  const { objectStore, onProgress, engines = ENGINE_NAMES } = options;
  if (engines.length > 0 && objectStore !== 'seaweedfs' && (await chooseMode(options.mode)) === 'docker') {
    // A running stack holds its ports, and its containers are as it wants them.
    if (last?.mode === 'docker' && ownerOf(home)?.role === 'supervisor') return last;
    const docker = await describeCompose(home, createPortBook(home.ports));
    try {
      await docker.up(engines, onProgress);
    } catch (error) {
      // What came up must not stay behind unsupervised; the first failure is the one to tell.
      await docker.stop().catch(() => undefined);
      throw error;
    }
    return { mode: 'docker', endpoints: docker.endpoints };
  }
  const lastStore = last?.mode === 'native' ? last.objectStore : undefined;
  const fetched = await fetchEngines({ engines, objectStore: objectStore ?? lastStore, onProgress });
  return { mode: 'native', names: [...engines], ...fetched };
}

/** Starts the supervisor; returns whether it has ended. */
function launch(home: Home): () => boolean {
  const log = openSync(join(home.logs, 'supervisor.log'), 'a');
  const program = join(INFRA_FOLDER, 'dist', 'supervisor-main.js');
  // It only waits: a small heap, and no arena a thread.
  const flags = ['--max-old-space-size=48', '--max-semi-space-size=1', '--single-threaded-gc'];
  const child = spawn(process.execPath, [...flags, program, home.plan], {
    cwd: home.root,
    env: { ...process.env, MALLOC_ARENA_MAX: '1', UV_THREADPOOL_SIZE: '2' },
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  child.unref();
  return () => child.exitCode !== null || child.signalCode !== null;
}

async function untilReady(home: Home, options: UpOptions, hasExited: () => boolean): Promise<StackState> {
  const deadline = Date.now() + (options.timeoutMs ?? READY_TIMEOUT_MS);
  const reporters = new Map<string, ReturnType<typeof reporter>>();
  const told = new Map<string, string>();
  const tell = (name: string, state: string, phase: Phase | undefined): void => {
    if (phase === undefined || told.get(name) === state) return;
    told.set(name, state);
    const report = reporters.get(name) ?? reporter(name, options.onProgress);
    reporters.set(name, report);
    report(phase);
  };
  const giveUp = async (why: string): Promise<never> => {
    await down({ home: home.root });
    throw infraError('stack.not-ready', why, { retryable: true });
  };

  for (;;) {
    const log = join(home.logs, 'supervisor.log');
    const state = readState(home.root);
    for (const { name, state: now } of state?.processes ?? []) tell(name, now, PHASE_OF[now]);
    if (state?.phase === 'declaring') tell('songhua', 'declaring', 'declaring');
    if (state?.phase === 'ready') return state;
    if (state?.phase === 'failed') await giveUp(state.error ?? `the supervisor failed; see ${log}`);
    const hopeless = state?.processes.find((one) => one.state !== 'ready' && one.restarts >= HOPELESS_RESTARTS);
    if (hopeless) await giveUp(`${hopeless.name} does not start: ${hopeless.lastError}`);
    // Another `up` may have been quicker: then its supervisor is the one to wait for.
    if (hasExited() && ownerOf(home)?.role !== 'supervisor') {
      await giveUp(`the supervisor ended while starting; the end of ${log}:\n${tail(log)}`);
    }
    if (Date.now() > deadline) {
      const waiting = state?.processes.filter((one) => one.state !== 'ready') ?? [];
      const list = waiting.map((one) => `${one.name} (${one.state}${one.lastError ? `: ${one.lastError}` : ''})`);
      await giveUp(`not ready in time: ${list.join('; ') || 'the supervisor'}; the end of ${log}:\n${tail(log)}`);
    }
    await delay(POLL_MS);
  }
}
