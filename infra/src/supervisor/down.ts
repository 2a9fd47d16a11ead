import { readdir, rm } from 'node:fs/promises';
import { createReserve } from '../disk/reserve.js';
import { isDiskFault } from '../disk/space.js';
import { composeDown } from '../docker/compose.js';
import { infraError } from '../errors.js';
import { readJson, writeJson } from '../files.js';
import { type Home, openHome, resolveHome } from '../home.js';
import { endProcess, ownerOf, reapProcesses } from '../process/registry.js';
import { planSchema } from './plan.js';
import { readState } from './state.js';

export interface DownOptions {
  /** State folder; `resolveHome()` when absent. */
  home?: string;
  /** Also removes all data, logs, ports, credentials and secrets. */
  wipe?: boolean;
}

export interface DownResult {
  /** Whether a supervisor was running. */
  wasRunning: boolean;
  /** Processes that a killed supervisor had left and that were stopped now. */
  reaped: string[];
  wiped: boolean;
  /** What a wipe leaves in the state folder: what people put there, and what the next start is told by. */
  kept: string[];
}

/** Services have 25 s and engines 20 s. */
const SUPERVISOR_STOP_TIMEOUT_MS = 60_000;

/**
 * Stops everything of a state folder, in order. Only processes that the folder's own records name, and that still are those
 * processes, are touched. Throws `home.busy` when the owner is not a supervisor (a test run, say).
 */
export async function down(options: DownOptions = {}): Promise<DownResult> {
  const home = openHome(resolveHome(options.home));
  const owner = ownerOf(home);
  if (owner && owner.role !== 'supervisor' && owner.pid !== process.pid) {
    throw infraError('home.busy', `${home.root} is in use by process ${owner.pid} (${owner.role}): end that one first`);
  }
  if (owner?.role === 'supervisor') await endProcess(owner, 'SIGTERM', SUPERVISOR_STOP_TIMEOUT_MS);
  const reaped = await reapProcesses(home);
  noteStopped(home);
  if (planSchema.safeParse(readJson(home.plan)).data?.engines.mode === 'docker') {
    await composeDown(home, options.wipe ?? false);
  }
  if (options.wipe) {
    const { data, logs, run, temp, credentials, keys, secrets, ports, endpoints, reserve } = home;
    const paths = [data, logs, run, temp, credentials, keys, secrets, ports, endpoints, reserve];
    for (const path of paths) await rm(path, { recursive: true, force: true });
  }
  const wiped = options.wipe ?? false;
  return { wasRunning: owner !== undefined, reaped, wiped, kept: wiped ? (await readdir(home.root)).sort() : [] };
}

/** Leaves the word that it was stopped, for who asks later. */
function noteStopped(home: Home): void {
  const state = readState(home.root);
  if (!state || state.phase === 'stopped' || state.phase === 'failed') return;
  const processes = state.processes.map((one) => ({ ...one, state: 'stopped' as const, pid: null, started: null }));
  const stopped = { ...state, phase: 'stopped' as const, processes };
  try {
    createReserve(home.reserve).withRoom(() => writeJson(home.state, stopped));
  } catch (error) {
    // Everything has ended, which is what counts and what `status` finds.
    if (!isDiskFault(error)) throw error;
  }
}
