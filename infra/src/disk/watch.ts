import { codeOf } from '@songhua/domain';
import type { Reserve } from './reserve.js';
import { type DiskLevel, levelOf, sizeText, spaceOf } from './space.js';

const INTERVAL_MS = 2_000;
/** After the disk refused the reserve though it said to have room. */
const REFUSED_PAUSE_MS = 60_000;

/**
 * Watches the disk of a state folder: gives the reserve back while the disk is full, takes it again when there is room, and tells of
 * every change. Returns how to end it.
 */
export function watchDisk(folder: string, reserve: Reserve, tell: (text: string) => void): () => void {
  let level: DiskLevel = 'ok';
  let busy = false;
  let refusedUntil = 0;
  let unreadable = false;
  let held = reserve.heldBytes();

  const look = async (): Promise<void> => {
    const space = spaceOf(folder);
    const now = levelOf(space);
    const free = `${sizeText(space.freeBytes)} free of ${sizeText(space.totalBytes)} at ${folder}`;
    if (now === 'full') reserve.release();
    if (now !== level) {
      tell({ ok: `disk has room again: ${free}`, low: `disk is low: ${free}`, full: `disk is full: ${free}` }[now]);
      level = now;
    }
    const left = reserve.heldBytes();
    // By us, or by a write that needed it.
    if (left < held) tell(`disk was full: ${sizeText(left)} of the reserve are left`);
    held = left;
    if (now === 'full' || Date.now() < refusedUntil) return;
    if (!(await reserve.take(space.freeBytes))) refusedUntil = Date.now() + REFUSED_PAUSE_MS;
    held = reserve.heldBytes();
    if (held > left) tell(`reserve of ${sizeText(held)} is kept`);
  };
  const tick = async (): Promise<void> => {
    if (busy) return;
    busy = true;
    try {
      await look();
      unreadable = false;
    } catch (error) {
      if (!unreadable) tell(`disk of ${folder} cannot be watched: ${codeOf(error) ?? error}`);
      unreadable = true;
    } finally {
      busy = false;
    }
  };
  void tick();
  const timer = setInterval(() => void tick(), INTERVAL_MS);
  return () => clearInterval(timer);
}
