import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { z } from 'zod';
import { identify } from './identity.js';

export const recordSchema = z.object({ name: z.string(), pid: z.int(), started: z.string(), stopSignal: z.string() });
/** A process that a state folder's owner started. */
export type ProcessRecord = z.infer<typeof recordSchema>;

const VARIABLE = 'SONGHUA_PROCESS';

/** The environment by which a process is known as ours though no record names it: how it is stopped, and its log. */
export function markOf({ stopSignal, log }: { stopSignal: string; log: string }): Record<string, string> {
  return { [VARIABLE]: `${stopSignal} ${log}` };
}

/**
 * Living processes that carry the mark of a folder of logs, first started first. None where the platform has no /proc; there the record
 * alone tells.
 */
export function findMarked(logs: string): ProcessRecord[] {
  const marked = processIds().flatMap((pid) => {
    const [stopSignal, log] = markOn(pid);
    const stat = statOf(pid);
    const identity = identify(pid);
    if (!log || dirname(log) !== logs || !stopSignal || !stat || !identity) return [];
    return [{ ...identity, ...stat, name: basename(log, '.log'), stopSignal }];
  });
  const pids = new Set(marked.map(({ pid }) => pid));
  return (
    marked
      // We start each as the leader of its own group. What it starts itself carries the mark as well, and ends with it.
      .filter(({ pid, group, parent }) => pid === group && !pids.has(parent))
      .sort((a, b) => a.startTicks - b.startTicks)
      .map(({ name, pid, started, stopSignal }) => ({ name, pid, started, stopSignal }))
  );
}

function processIds(): number[] {
  try {
    return readdirSync('/proc')
      .map(Number)
      .filter((pid) => Number.isInteger(pid) && pid !== process.pid);
  } catch {
    return [];
  }
}

function markOn(pid: number): string[] {
  try {
    const variables = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
    const mark = variables.find((text) => text.startsWith(`${VARIABLE}=`))?.slice(VARIABLE.length + 1) ?? '';
    const [stopSignal = '', ...log] = mark.split(' ');
    return [stopSignal, log.join(' ')];
  } catch {
    // Gone meanwhile, or another user's.
    return [];
  }
}

function statOf(pid: number): { parent: number; group: number; startTicks: number } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // After the name, which may hold anything: state, parent, group, …, and the start as the 20th.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { parent: Number(fields[1]), group: Number(fields[2]), startTicks: Number(fields[19]) };
  } catch {
    return undefined;
  }
}
