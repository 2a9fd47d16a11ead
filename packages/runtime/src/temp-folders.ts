import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, join } from 'node:path';
import { codeOf } from '@songhua/domain';

// By name: what else has this process's id is of one before it, as after each restart of a container.
const opened = new Set<string>();

/**
 * A folder of this process's own under `parent`, as `<service>-<host>-<pid>-<unique>`, for whoever asks to remove. Removes those of
 * processes of the same service on this machine that ended without removing theirs.
 */
export async function openProcessFolder(parent: string, service: string): Promise<string> {
  const prefix = `${service}-${hostname()}-`;
  await mkdir(parent, { recursive: true });
  const folder = await mkdtemp(join(parent, `${prefix}${process.pid}-`));
  opened.add(basename(folder));
  for (const name of await readdir(parent)) {
    if (!name.startsWith(prefix) || opened.has(name)) continue;
    const pid = Number(name.slice(prefix.length).split('-')[0]);
    if (pid === process.pid || !isAlive(pid)) await rm(join(parent, name), { recursive: true, force: true });
  }
  return folder;
}

/** Runs `work` with a folder of its own in `parent`, as `<purpose>-<unique>`, that is gone afterwards. */
export async function withFolder<T>(parent: string, purpose: string, work: (folder: string) => Promise<T>): Promise<T> {
  await mkdir(parent, { recursive: true });
  const folder = await mkdtemp(join(parent, `${purpose}-`));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) !== 'ESRCH';
  }
}
