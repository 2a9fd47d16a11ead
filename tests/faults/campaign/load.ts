import { setTimeout as delay } from 'node:timers/promises';
import { syncAcceptedSchema } from '@songhua/contracts';
import { waitFor } from '@songhua/runtime/testing';
import { parse } from 'csv-parse/sync';
import type { System } from '../../harness/system.js';
import { roundOf, SIZES, writeSource } from '../sources.js';
import { pick } from './chance.js';

const LONGEST_CALM_MS = 500;
// An engine that is away comes back within this, however slow the machine.
const PATIENCE_MS = 300_000;

/** Sources that change, and the syncs that are asked for meanwhile. */
export interface Load {
  /** Unique to it: no other load asked for the same syncs. */
  label: string;
  names: string[];
  /** Changes of sources so far. */
  readonly changes: number;
  /** Changes no more; resolves when the last sync is asked for. */
  stop(): Promise<void>;
  /** Sources whose last content is not what is served. */
  lost(): Promise<string[]>;
}

export async function startLoad(system: System, folder: string, chance: () => number, label: string): Promise<Load> {
  const { resources, names } = roundOf('campaign', folder);
  const revisions = SIZES.map(() => 0);
  for (const source of SIZES.keys()) writeSource(folder, source, 0);
  await system.apply(resources);
  await ask(system, names, `${label}-begun`);
  let changes = 0;
  let stopped = false;

  const loop = async (): Promise<void> => {
    while (!stopped) {
      const source = pick([...SIZES.keys()], chance());
      changes++;
      revisions[source] = changes;
      writeSource(folder, source, changes);
      await ask(system, [names[source] as string], `${label}-${changes}`);
      await delay(chance() * LONGEST_CALM_MS);
    }
  };
  const looping = loop();
  return {
    label,
    names,
    get changes() {
      return changes;
    },
    async stop() {
      stopped = true;
      await looping;
    },
    async lost() {
      const found: string[] = [];
      for (const [source, name] of names.entries()) {
        const served = await servedRevisions(system, name);
        const expected = `${SIZES[source]} rows of revision ${revisions[source]}`;
        if (served !== expected) found.push(`${name}: served are ${served}, the source has ${expected}`);
      }
      return found;
    },
  };
}

/** Asks for syncs until somebody has taken the request; asked again, it is the same one. */
export async function ask(system: System, connectors: string[], request: string): Promise<void> {
  const asked = async (): Promise<boolean> =>
    syncAcceptedSchema.safeParse(await system.post('/api/v1/syncs', { connectors, request })).success;
  await waitFor(`the syncs of ${request} to be claimed`, asked, PATIENCE_MS);
}

async function servedRevisions(system: System, name: string): Promise<string> {
  let text: string | undefined;
  await waitFor(`the catalog to say what it has of ${name}`, async () => {
    const response = await fetch(new URL(`/data/${name}/latest/data.csv`, system.apiUrl));
    if (response.ok) text = await response.text();
    return response.ok || response.status === 404;
  });
  if (text === undefined) return 'nothing';
  const rows = parse(text, { bom: true, columns: true }) as Record<string, string>[];
  const revisions = [...new Set(rows.map((row) => row.批次))].sort();
  return `${rows.length} rows of revision ${revisions.join(' and ')}`;
}
