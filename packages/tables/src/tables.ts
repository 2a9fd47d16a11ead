import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '@songhua/domain';
import { writeChanges } from './changes.js';
import { findDifference } from './difference.js';
import { createEngine } from './engine.js';
import { normalize } from './normalize/normalize.js';
import { profile } from './normalize/profile.js';
import { WIDE_ROWS } from './normalize/source.js';
import { diffFiles } from './read/diff.js';
import { renderFile } from './read/render.js';
import { countRows, readRows } from './read/rows.js';
import type { Tables, TablesOptions } from './types.js';

// About as many rows as `WIDE_ROWS` in Parquet.
const WIDE_BYTES = 32 * 1024 * 1024;

/** Table work on one embedded DuckDB; see `Tables`. */
export function createTables(options: TablesOptions): Tables {
  const engine = createEngine(options);
  const large = async (path: string): Promise<boolean> => (await stat(path)).size >= WIDE_BYTES;
  return {
    async normalize(input) {
      const wide = Math.max(input.rows, input.previous?.rows ?? 0) >= WIDE_ROWS;
      try {
        return await engine.session(wide, (session) => normalize(session, input));
      } catch (error) {
        // Several threads guess where rows begin, and fail on cells that look like rows themselves; one never does.
        if (codeOf(error) !== 'landing.corrupt' || input.rows < WIDE_ROWS) throw error;
        for (const name of await readdir(input.out)) await rm(join(input.out, name), { recursive: true });
        return engine.session(wide, (session) => normalize(session, { ...input, parallel: false }));
      }
    },
    profile: (input) => engine.session(input.rows >= WIDE_ROWS, (session) => profile(session, input)),
    rows: (parquet, query) => engine.session(false, (session) => readRows(session, parquet, query)),
    diff: async (from, to, primaryKey, page) =>
      engine.session((await large(from)) || (await large(to)), (session) =>
        diffFiles(session, { from, to, primaryKey }, page),
      ),
    changes: async ({ from, to, out }) =>
      engine.session((await large(from.parquet)) || (await large(to.parquet)), async (session) => {
        const before = { path: from.parquet, columns: from.schema.columns };
        const after = { path: to.parquet, columns: to.schema.columns };
        const changes = await findDifference(session, before, after, to.schema.primaryKey);
        return { changes, file: await writeChanges(session, before, after, out) };
      }),
    render: (parquet, format, schema, out) =>
      engine.session(false, (session) => renderFile(session, { parquet, schema, out }, format)),
    countRows: (parquet) => engine.session(false, (session) => countRows(session, parquet)),
    close: () => engine.close(),
  };
}
