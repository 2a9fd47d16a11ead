import { execFileSync } from 'node:child_process';
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { codeOf } from '@songhua/domain';

const CHUNK = Buffer.alloc(64 * 1024, 1);

/** A real disk that can be filled without harm to the machine. */
export interface SmallDisk {
  path: string;
  /** Takes every byte that is free now. */
  fill(): void;
  /** Gives back what `fill` took. */
  free(): void;
  remove(): Promise<void>;
}

/** A tmpfs of so many bytes; throws where this user may not mount one, because a test without it would show nothing. */
export async function smallDisk(bytes: number): Promise<SmallDisk> {
  const path = await mkdtemp(join(tmpdir(), 'songhua-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes},mode=0755`, 'songhua-test', path], { stdio: 'pipe' });
  } catch (error) {
    await rm(path, { recursive: true });
    throw new Error(
      `a test of a full disk mounts a tmpfs, which takes root (in a container: CAP_SYS_ADMIN); run it by \`sudo\` or under \`unshare -rm\`: ${error}`,
    );
  }
  const filler = join(path, 'filler');
  return {
    path,
    fill: () => {
      const file = openSync(filler, 'a');
      try {
        // Smaller and smaller pieces, to the last byte.
        for (let size = CHUNK.length; size >= 1; size = Math.floor(size / 2)) writeWhileItFits(file, size);
      } finally {
        closeSync(file);
      }
    },
    free: () => rmSync(filler, { force: true }),
    remove: async () => {
      execFileSync('umount', ['--lazy', path], { stdio: 'pipe' });
      await rm(path, { recursive: true });
    },
  };
}

function writeWhileItFits(file: number, size: number): void {
  try {
    for (;;) writeSync(file, CHUNK, 0, size);
  } catch (error) {
    if (codeOf(error) !== 'ENOSPC') throw error;
  }
}
