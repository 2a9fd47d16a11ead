import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { RefreshContext, ReplayedRows, ReplayRepository, ReplaySource } from '@songhua/catalog';
import { assertReplayable } from '@songhua/catalog/refresh';
import { keys, type RejectedRow, type ReplayForecast, type ReplayReference } from '@songhua/contracts';
import type { ObjectStore } from '@songhua/object-store';
import type { NormalizeResult, Tables } from '@songhua/tables';
import { createTally } from './groups.js';
import { fetchLanding, type LocalLanding } from './landing.js';
import { readRejected } from './ndjson.js';
import { normalizeLanded } from './normalize-landed.js';
import { pickLines, pickRows } from './pick-rows.js';

export interface ReplayDeps {
  store: ObjectStore;
  tables: Tables;
  replays: Pick<ReplayRepository, 'source'>;
}

/** A replay that has been computed, and of which nothing was told yet. */
export interface Replay {
  landing: LocalLanding;
  source: ReplaySource;
  result: NormalizeResult;
  forecast: ReplayForecast;
  /** Stores what left the quarantine and what is still in it. `replay`: the sync that does it. */
  store(replay: string): Promise<Omit<ReplayedRows, 'version'>>;
}

/**
 * Reads the rejected rows that are asked for again, by the rules of today, onto the version that is served. In modes where the last row of
 * a key stands, everything that the source sent after the first of them is applied again as well, so that none takes the place of a later
 * one. `opened`: the sync that the catalog has opened for it.
 */
export async function computeReplay(
  deps: ReplayDeps,
  { sync: of, codes }: ReplayReference,
  context: RefreshContext,
  { folder, opened }: { folder: string; opened?: string },
): Promise<Replay> {
  const source = assertReplayable(of, await deps.replays.source(of, opened));
  const landing = await fetchLanding(deps.store, context.sync, folder);
  const { completed } = landing.manifest;
  const quarantine = join(folder, 'quarantine.ndjson.gz');
  await deps.store.download(source.rejected ?? '', quarantine);
  const asked = await selectRows(quarantine, codes && new Set(codes));
  const lastWins = completed.operations || completed.mode === 'merge' || completed.mode === 'cdc';
  const positions = lastWins ? suffix(asked, completed.rows) : asked.positions;
  const part = join(folder, 'picked.csv.gz');
  await pickRows(landing.rows, positions, part);
  const result = await normalizeLanded(
    deps,
    context,
    {
      parts: [part],
      columns: landing.details.columns,
      files: landing.details.files,
      lines: pickLines(landing.lines, positions),
      rows: positions.length,
      readerRejected: 0,
      mode: lastWins ? completed.mode : 'append',
      scope: 'part',
      operations: completed.operations,
      reset: false,
      // Somebody asked for it, and what is rejected again is where it was.
      overrides: ['rejected', 'schema'],
    },
    folder,
  );
  const failing = await stillFailing(result, positions, new Set(asked.positions));
  return {
    landing,
    source,
    result,
    forecast: {
      asked: asked.count,
      passing: asked.positions.length - failing.size,
      failing: countFailing(failing.values()),
      unreadable: [...asked.unreadable].map(([code, count]) => ({ code, count })),
      changes: result.changes,
    },
    async store(replay) {
      const replayed = join(folder, 'replayed.ndjson.gz');
      const rejected = join(folder, 'still-rejected.ndjson.gz');
      const chosen = new Set(asked.positions);
      const passed = (row: RejectedRow): boolean =>
        row.row !== undefined && chosen.has(row.row) && !failing.has(row.row);
      const left = createTally();
      await write(replayed, quarantine, (row) => (passed(row) ? row : undefined));
      await write(rejected, quarantine, (row) => {
        if (passed(row)) return undefined;
        const now = (row.row === undefined ? undefined : failing.get(row.row)) ?? row;
        left.add(now);
        return now;
      });
      const { datasetId } = landing.manifest;
      const gone = asked.positions.length - failing.size;
      const remaining = left.result();
      const put = async (key: string, path: string): Promise<string> => {
        await deps.store.putFile(key, path, 'application/gzip');
        return key;
      };
      return {
        of,
        replayed: {
          count: gone,
          ...(gone > 0 && { key: await put(keys.replayed(datasetId, of, replay), replayed) }),
        },
        remaining: {
          ...remaining,
          ...(remaining.count > 0 && { key: await put(keys.stillRejected(datasetId, of, replay), rejected) }),
        },
      };
    },
  };
}

interface Asked {
  /** Rows that match, readable again or not. */
  count: number;
  /** Of those that are readable again, ascending. */
  positions: number[];
  /** Of rejected rows that were not asked for. */
  others: Set<number>;
  unreadable: Map<string, number>;
}

async function selectRows(quarantine: string, codes: ReadonlySet<string> | undefined): Promise<Asked> {
  const asked: Asked = { count: 0, positions: [], others: new Set(), unreadable: new Map() };
  for await (const { code, row } of readRejected(quarantine)) {
    if (codes && !codes.has(code)) {
      if (row !== undefined) asked.others.add(row);
      continue;
    }
    asked.count++;
    if (row === undefined) asked.unreadable.set(code, (asked.unreadable.get(code) ?? 0) + 1);
    else asked.positions.push(row);
  }
  asked.positions.sort((a, b) => a - b);
  return asked;
}

/** The first asked row and everything after it, but for rejected rows that were not asked for. */
function suffix({ positions, others }: Asked, rows: number): number[] {
  const [first = rows] = positions;
  const all: number[] = [];
  for (let position = first; position < rows; position++) if (!others.has(position)) all.push(position);
  return all;
}

/** Rows among the asked ones that are rejected again, by their position in the sync. */
async function stillFailing(
  { rejected }: NormalizeResult,
  positions: readonly number[],
  asked: ReadonlySet<number>,
): Promise<Map<number, RejectedRow>> {
  const failing = new Map<number, RejectedRow>();
  if (!rejected) return failing;
  for await (const row of readRejected(rejected.path)) {
    const position = positions[row.row ?? -1];
    if (position !== undefined && asked.has(position)) failing.set(position, { ...row, row: position });
  }
  return failing;
}

function countFailing(rows: Iterable<RejectedRow>): ReplayForecast['failing'] {
  const tally = createTally();
  for (const row of rows) tally.add(row);
  // Without the messages: they go through a workflow's history.
  return tally
    .result()
    .groups.map(({ code, field, count }) => ({ code, ...(field !== undefined && { field }), count }));
}

async function write(
  path: string,
  quarantine: string,
  choose: (row: RejectedRow) => RejectedRow | undefined,
): Promise<void> {
  async function* lines(): AsyncGenerator<string> {
    for await (const row of readRejected(quarantine)) {
      const chosen = choose(row);
      if (chosen) yield `${JSON.stringify(chosen)}\n`;
    }
  }
  await pipeline(Readable.from(lines()), createGzip({ level: 6 }), createWriteStream(path));
}
