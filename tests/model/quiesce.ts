import type { History } from './history.js';
import { behind, isEnd, isRolledBack, look, type View } from './invariants.js';
import { OPERATIONS } from './operations.js';

// Each sync may be read three times and refreshed as often; more than that is a circle.
const ROUNDS = 40;

/** Everybody who is paused dies; then timers run and everybody does what they should until nothing is left to do. Answers what never ended. */
export async function quiesce(history: History, each: (what: string) => Promise<void>): Promise<string[]> {
  history.readers.splice(0);
  history.workers.fill(undefined);
  for (let round = 0; round < ROUNDS; round++) {
    const open = new Set((await look(history)).syncs.map(({ state }) => state).filter((state) => !isEnd(state)));
    open.delete('held');
    if (open.size === 0) return [];
    if (open.has('reading')) await OPERATIONS.expire(history, 1);
    await OPERATIONS.rest(history);
    if (open.has('delivered')) await OPERATIONS.recoverDelivered(history);
    if (open.has('landed') || open.has('refreshing')) await OPERATIONS.recoverLanded(history);
    await OPERATIONS.rest(history);
    await each('a round of rest');
  }
  const { syncs } = await look(history);
  return syncs
    .filter(({ state }) => !isEnd(state) && state !== 'held')
    .map(({ id, state }) => `I7 ${id} stays ${state}`);
}

/**
 * Once more the source changes and is read, all of it after a rollback, and a person lets everything pass: then it is served, and nothing
 * waits.
 */
export async function wayOut(history: History, each: (what: string) => Promise<void>): Promise<string[]> {
  await OPERATIONS.apply(history);
  await OPERATIONS.change(history, 1);
  await OPERATIONS.enqueue(history, 4, 2);
  if (isRolledBack(await look(history))) await OPERATIONS.enqueue(history, 1, 1);
  const slot = history.slots.at(-1);
  for (let round = 0; round < ROUNDS; round++) {
    const stuck = await quiesce(history, each);
    if (stuck.length > 0) return stuck;
    const view = await look(history);
    const waiting = view.syncs.filter(({ state }) => state === 'held');
    if (waiting.length === 0) return ended(history, view, slot);
    await OPERATIONS.decide(history, 0, 1);
  }
  return ['what is held is held again, whoever lets it pass'];
}

function ended(history: History, view: View, slot: string | undefined): string[] {
  const last = view.syncs.filter(({ purpose }) => purpose === 'read').at(-1);
  if (last?.state === 'published' || last?.state === 'unchanged') return behind(history, view);
  return [`the last read, ${slot}, ended ${last?.state}: ${JSON.stringify(last?.reason)}`];
}
