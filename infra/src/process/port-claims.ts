import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { codeOf } from '@songhua/domain';
import { z } from 'zod';
import { identify, isRunning } from './identity.js';

const claimSchema = z.object({ pid: z.int(), started: z.string() });

/**
 * Keeps `port` for this process among all stacks of this machine, from the moment it is found free until somebody listens on it: two
 * stacks that start at once would otherwise find the same port free, and one would talk to the engine of the other. False when another
 * living process keeps it. A claim ends with its process.
 */
export function claimPort(port: number, folder = join(tmpdir(), 'songhua-ports')): boolean {
  const path = join(folder, String(port));
  const draft = `${path}.${process.pid}`;
  const claim = JSON.stringify(identify(process.pid));
  // The second try follows the removal of a claim whose process is gone.
  for (let tries = 0; tries < 2; tries++) {
    try {
      mkdirSync(folder, { recursive: true, mode: 0o1777 });
      // Written first and then named, so that nobody reads half a claim.
      writeFileSync(draft, claim, { mode: 0o644 });
      linkSync(draft, path);
      return true;
    } catch (error) {
      // Where no claim can be written, as in another user's folder, only the check that the port is free is left.
      if (codeOf(error) !== 'EEXIST') return true;
      const holder = holderOf(path);
      if (holder?.pid === process.pid) return true;
      if (holder && isRunning(holder)) return false;
      rmSync(path, { force: true });
    } finally {
      rmSync(draft, { force: true });
    }
  }
  return false;
}

function holderOf(path: string): z.infer<typeof claimSchema> | undefined {
  try {
    return claimSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return undefined;
  }
}
