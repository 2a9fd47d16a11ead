import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { FRESHNESS_STATES, IN_SYNC_STATES } from '@songhua/domain';
import type { Command } from 'commander';
import { z } from 'zod';
import { datasetDetailSchema, datasetEntrySchema, datasetView } from '../dataset-view.js';
import { action } from '../exit.js';
import { bytes, count, print, printWhole, table } from '../format.js';
import { freshnessWords, inSyncWords } from '../freshness-view.js';
import { connect, queryOf } from './connection.js';
import { addRollbackCommand } from './rollback.js';

const entries = z.looseObject({ total: z.int(), items: z.array(datasetEntrySchema) });
const version = z.looseObject({
  version: z.int(),
  identity: z.string(),
  rows: z.int(),
  bytes: z.int(),
  rejected: z.int(),
  publishedAt: z.string(),
  changes: z.object({ added: z.int(), changed: z.int(), removed: z.int() }),
});
const versions = z.looseObject({ items: z.array(version) });
const difference = z.looseObject({
  changes: z.object({ added: z.int(), changed: z.int(), removed: z.int() }),
  rows: z.array(z.record(z.string(), z.unknown())),
});

/** `datasets …` and `versions …`. */
export function addCatalogCommands(program: Command): void {
  const datasets = program.command('datasets').description('the catalog / 目录');
  datasets
    .command('list')
    .description(
      'datasets with row count, whether their source keeps its promise, and whether what is served is the same as it',
    )
    .option('-q, --query <text>', 'in name or title')
    .option('--department <name>')
    .option('--domain <name>')
    .option('--freshness <state>', FRESHNESS_STATES.join(', '))
    .option('--in-sync <state>', IN_SYNC_STATES.join(', '))
    .option('--sort <field>', 'name, rows, changed or freshness', 'name')
    .option('--page <n>', 'from 1', '1')
    .option('--page-size <n>', 'at most 200', '50')
    .option('--json')
    .action(
      action(async (o: { json?: boolean } & Partial<Record<string, string>>) => {
        const { api } = await connect();
        const { json, query: q, ...filters } = o;
        const found = await api.get(`/api/v1/datasets${queryOf({ q, ...filters })}`, entries);
        print(json, found, () => {
          const shown = table(
            ['name', 'title', 'department', 'rows', 'version', 'freshness', 'in sync'],
            found.items.map((d) => [
              d.name,
              d.title,
              d.department,
              d.rows,
              d.version ?? '-',
              freshnessWords(d),
              inSyncWords(d),
            ]),
          );
          return `${shown}\n${count(found.items.length)} of ${count(found.total)}`;
        });
      }),
    );
  datasets
    .command('show <name>')
    .option('--json')
    .action(
      action(async (name: string, o: { json?: boolean }) => {
        const { api } = await connect();
        const found = await api.get(`/api/v1/datasets/${encodeURIComponent(name)}`, datasetDetailSchema);
        print(o.json, found, () => datasetView(found));
      }),
    );

  const group = program.command('versions').description('immutable versions of a dataset / 版本');
  group
    .command('list <dataset>')
    .option('--json')
    .action(
      action(async (name: string, o: { json?: boolean }) => {
        const { api } = await connect();
        const found = await api.get(`/api/v1/datasets/${encodeURIComponent(name)}/versions`, versions);
        print(o.json, found, () =>
          table(
            ['version', 'rows', 'added', 'changed', 'removed', 'rejected', 'size', 'published'],
            found.items.map((v) => [
              v.version,
              v.rows,
              v.changes.added,
              v.changes.changed,
              v.changes.removed,
              v.rejected,
              bytes(v.bytes),
              v.publishedAt,
            ]),
          ),
        );
      }),
    );
  group
    .command('show <dataset> [version]')
    .description('the manifest')
    .option('--json')
    .action(
      action(async (name: string, n: string | undefined, o: { json?: boolean }) => {
        const { api } = await connect();
        const path = `/api/v1/datasets/${encodeURIComponent(name)}/versions/${encodeURIComponent(n ?? 'latest')}/manifest`;
        printWhole(o.json, await api.get(path, z.unknown()));
      }),
    );
  group
    .command('diff <dataset> <from> <to>')
    .option('--json')
    .action(
      action(async (name: string, from: string, to: string, o: { json?: boolean }) => {
        const { api } = await connect();
        const found = await api.get(
          `/api/v1/datasets/${encodeURIComponent(name)}/versions/${encodeURIComponent(from)}/diff/${encodeURIComponent(to)}`,
          difference,
        );
        print(o.json, found, () => {
          const { added, changed, removed } = found.changes;
          const totals = `added ${count(added)}  changed ${count(changed)}  removed ${count(removed)}`;
          const head = Object.keys(found.rows[0] ?? {});
          if (head.length === 0) return totals;
          const rows = found.rows.map((row) => head.map((h) => String(row[h] ?? '')));
          return `${totals}\n${table(head, rows)}`;
        });
      }),
    );
  group
    .command('download <dataset> [version]')
    .option(
      '--file <name>',
      'data.parquet, data.csv, data.ndjson, data.xlsx, schema.json, manifest.json or changes.parquet',
      'data.parquet',
    )
    .option('-o, --output <path>', 'default: <dataset>-<version>-<file>')
    .action(
      action(async (name: string, n: string | undefined, o: { file: string; output?: string }) => {
        const { api } = await connect();
        const which = n === undefined || n === 'latest' ? 'latest' : `v${n}`;
        const body = await api.download(
          `/data/${encodeURIComponent(name)}/${encodeURIComponent(which)}/${encodeURIComponent(o.file)}`,
        );
        const output = o.output ?? `${name}-${which}-${o.file}`;
        await save(body, output);
        console.log(output);
      }),
    );
  addRollbackCommand(group);
}

/** Writes a file that is there whole or not at all. */
async function save(body: ReadableStream<Uint8Array>, path: string): Promise<void> {
  const part = `${path}.part`;
  try {
    await pipeline(Readable.fromWeb(body), createWriteStream(part));
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}
