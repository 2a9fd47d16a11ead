import { rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { lock } from 'proper-lockfile';
import { z } from 'zod';
import { infraError } from '../errors.js';
import { readJson, writeJson } from '../files.js';
import type { Home } from '../home.js';
import { identify, isRunning, type ProcessIdentity } from './identity.js';
import { findMarked, type ProcessRecord, recordSchema } from './marks.js';

export type { ProcessRecord };

const ownerSchema = z.object({ pid: z.int(), started: z.string(), role: z.string() });

const POLL_MS = 50;
const REAP_TIMEOUT_MS = 20_000;

/** Writes down which children run, so that a successor can end them when we are killed. */
export function recordProcesses(home: Home, records: readonly ProcessRecord[]): void {
  writeJson(home.processes, records);
}

export function readProcesses(home: Home): ProcessRecord[] {
  return z
    .array(recordSchema)
    .catch([])
    .parse(readJson(home.processes) ?? []);
}

/** Asks one process to stop and kills it when it does not. A pid that now belongs to another process is left alone. */
export async function endProcess(identity: ProcessIdentity, signal: NodeJS.Signals, timeoutMs: number): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  if (!isRunning(identity)) return;
  process.kill(identity.pid, signal);
  while (isRunning(identity)) {
    if (Date.now() > deadline) process.kill(identity.pid, 'SIGKILL');
    await delay(POLL_MS);
  }
}

/**
 * What an owner of this state folder started and that lives, in the order of its record; then what carries our mark and is in no record,
 * because the owner was killed, or the disk full, before it could write.
 */
export function livingProcesses(home: Home): ProcessRecord[] {
  const recorded = readProcesses(home).filter(isRunning);
  const known = new Set(recorded.map(({ pid }) => pid));
  return [...recorded, ...findMarked(home.logs).filter(({ pid }) => !known.has(pid))];
}

/** Ends what a dead owner left running, last started first. Returns the names of those that were still alive. */
export async function reapProcesses(home: Home): Promise<string[]> {
  const alive = livingProcesses(home).reverse();
  for (const record of alive) await endProcess(record, record.stopSignal as NodeJS.Signals, REAP_TIMEOUT_MS);
  // Removed rather than written, which a full disk refuses.
  rmSync(home.processes, { force: true });
  return alive.map((record) => record.name);
}

/** Who owns the state folder now, when that process is alive. */
export function ownerOf(home: Home): (ProcessIdentity & { role: string }) | undefined {
  const parsed = ownerSchema.safeParse(readJson(home.owner));
  return parsed.success && isRunning(parsed.data) ? parsed.data : undefined;
}

/** Makes this process the state folder's owner; throws `home.busy` while another one lives. Returns how to let go. */
export async function claimHome(home: Home, role: string): Promise<() => void> {
  const release = await lock(home.root, {
    lockfilePath: `${home.owner}.lock`,
    retries: { retries: 100, minTimeout: 100, maxTimeout: 100 },
  });
  try {
    const owner = ownerOf(home);
    if (owner && owner.pid !== process.pid) {
      throw infraError(
        'home.busy',
        `${home.root} is in use by process ${owner.pid} (${owner.role}): run \`songhua down\` first, or use another SONGHUA_HOME`,
      );
    }
    const self = identify(process.pid);
    if (self) writeJson(home.owner, { ...self, role });
  } finally {
    await release();
  }
  return () => rmSync(home.owner, { force: true });
}
