import { mkdir, readdir, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { codeOf } from '@songhua/domain';

const PREFIX = `connector-${hostname()}-`;

/**
 * A folder of this process's own under `parent`, as `connector-<host>-<pid>-<unique>`. Removes those of processes of this machine
 * that ended without removing theirs.
 */
export async function openTempDir(parent: string, unique: string): Promise<string> {
  const folder = join(parent, `${PREFIX}${process.pid}-${unique}`);
  await mkdir(folder, { recursive: true });
  for (const name of await readdir(parent)) {
    if (!name.startsWith(PREFIX)) continue;
    const pid = Number(name.slice(PREFIX.length).split('-')[0]);
    if (pid !== process.pid && !isAlive(pid)) await rm(join(parent, name), { recursive: true, force: true });
  }
  return folder;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) !== 'ESRCH';
  }
}
