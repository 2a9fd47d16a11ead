import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type System, startSystem } from '../harness/system.js';
import { chanceOf } from './campaign/chance.js';
import { startLoad } from './campaign/load.js';
import { type Strike, strike } from './campaign/strikes.js';
import { judge } from './campaign/verdict.js';

// `node tests/faults/campaign.mjs` asks for more.
const SHORT = 20;
const KILLS = Number(process.env.SONGHUA_CAMPAIGN_KILLS ?? SHORT);
const SEED = Number(process.env.SONGHUA_CAMPAIGN_SEED ?? Math.floor(Math.random() * 2 ** 32));
const TELL_EVERY = 20;
// What is found out now has fewer kills to be looked for in.
const JUDGE_EVERY = 100;

const folder = mkdtempSync(join(tmpdir(), 'songhua-campaign-'));
const sources = join(folder, 'sources');
let system: System;

beforeAll(async () => {
  system = await startSystem({
    home: join(folder, 'system'),
    fileRoots: [sources],
    replicas: { connector: 2, landing: 2, refresh: 2, catalog: 2 },
  });
}, 600_000);

afterAll(async () => {
  await system?.stop();
  rmSync(folder, { recursive: true, force: true });
}, 120_000);

const tell = (line: string): void => void process.stderr.write(`${line}\n`);

function countOf(strikes: readonly Strike[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { victim, how } of strikes) counts[`${victim} ${how}`] = (counts[`${victim} ${how}`] ?? 0) + 1;
  return counts;
}

test(
  'processes that are killed, ended and paused at random lose nothing, double nothing, half-publish nothing and wedge nothing',
  async () => {
    tell(`campaign of ${KILLS} kills, seed ${SEED}`);
    const chance = chanceOf(SEED);
    const chanceOfLoad = chanceOf(SEED + 1);
    const strikes: Strike[] = [];
    let changes = 0;
    while (strikes.length < KILLS) {
      const load = await startLoad(system, sources, chanceOfLoad, `from-${strikes.length}`);
      const end = Math.min(KILLS, strikes.length + JUDGE_EVERY);
      while (strikes.length < end) {
        strikes.push(await strike(system, chance));
        if (strikes.length % TELL_EVERY === 0)
          tell(`${strikes.length} of ${KILLS} kills, ${changes + load.changes} changes`);
      }
      await load.stop();
      changes += load.changes;
      const { versions, syncs, failed, ...verdict } = await judge(system, load);
      tell(JSON.stringify({ seed: SEED, kills: countOf(strikes), changes, syncs, versions, failed, ...verdict }));
      expect(verdict).toEqual({ lost: [], doubled: [], halfPublished: [], wedged: [] });
      expect(versions).toBeGreaterThanOrEqual(load.names.length);
    }
  },
  1_500_000 + KILLS * 60_000,
);
