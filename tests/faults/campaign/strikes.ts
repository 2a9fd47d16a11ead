import { setTimeout as delay } from 'node:timers/promises';
import { ENGINE_NAMES, type EngineName } from '@songhua/infra';
import type { System } from '../../harness/system.js';
import { pick } from './chance.js';

export interface Strike {
  victim: string;
  how: 'SIGKILL' | 'SIGTERM' | 'SIGSTOP';
}

// A service is struck as often as this many times an engine: those come back in seconds, not in a fraction of one.
const SERVICES_PER_ENGINE = 3;
const LONGEST_PAUSE_MS = 6_000;
// Long enough for most strikes to meet a system at work.
const LONGEST_CALM_MS = 6_000;

/** Strikes one process of `system`, chosen by chance, and sees to it that it runs again. What is struck next may be struck meanwhile. */
export async function strike(system: System, chance: () => number): Promise<Strike> {
  const services = [...system.services.keys()];
  const victims = [...ENGINE_NAMES, ...Array.from({ length: SERVICES_PER_ENGINE }, () => services).flat()];
  const victim = pick(victims, chance());
  const engine = ENGINE_NAMES.find((name) => name === victim);
  const luck = chance();
  const how = luck < 0.6 ? 'SIGKILL' : luck < 0.8 ? 'SIGTERM' : 'SIGSTOP';
  const pid = engine ? system.engines.pids[engine] : system.service(victim).pid;
  if (how === 'SIGSTOP' && pid) await pause(pid, chance() * LONGEST_PAUSE_MS);
  else if (engine) await crash(system, engine, how);
  else if (pid) signal(pid, how);
  await delay(chance() * LONGEST_CALM_MS);
  return { victim, how };
}

/** Stopped as by a full machine, and woken: it goes on as if no time had passed. */
async function pause(pid: number, ms: number): Promise<void> {
  signal(pid, 'SIGSTOP');
  await delay(ms);
  signal(pid, 'SIGCONT');
}

async function crash(system: System, engine: EngineName, how: Strike['how']): Promise<void> {
  // `restart` stops it first as one stops it; a kill comes before it.
  if (how === 'SIGKILL') await system.engines.kill(engine);
  await system.engines.restart(engine);
}

/** It may be gone already, and not yet be there again. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
