import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { SonghuaError } from '@songhua/domain';
import type { Command } from 'commander';
import { z } from 'zod';
import { datasetDetailSchema, datasetEntrySchema, datasetView } from '../dataset-view.js';
import { action } from '../exit.js';
import { bytes, count, printJson, table } from '../format.js';
import { connect } from './connection.js';

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
    .description('datasets with row count and freshness')
    .option('-q, --query <text>', 'in name or title')
    .option('--department <name>')
    .option('--domain <name>')
    .option('--freshness <state>')
    .option('--sort <field>', 'name, rows, changed or freshness', 'name')
    .option('--page <n>', 'from 1', '1')
    .option('--page-size <n>', 'at most 200', '50')
    .option('--json')
    .action(
      action(async (o: Record<string, string | undefined>) => {
        const { api } = await connect();
        const query = new URLSearchParams();
        for (const [to, from] of Object.entries({
          q: 'query',
          department: 'department',
          domain: 'domain',
          freshness: 'freshness',
          sort: 'sort',
          page: 'page',
          pageSize: 'pageSize',
        })) {
          const value = o[from];
          if (value !== undefined) query.set(to, value);
        }
        const found = await api.get(`/api/v1/datasets?${query}`, entries);
        if (o.json) printJson(found);
        else {
          console.log(
            table(
              ['name', 'title', 'department', 'rows', 'version', 'freshness'],
              found.items.map((d) => [d.name, d.title, d.department, d.rows, d.version ?? '-', d.freshness]),
            ),
          );
          console.log(`${count(found.items.length)} of ${count(found.total)}`);
        }
        return undefined;
      }),
    );
  datasets
    .command('show <name>')
    .option('--json')
    .action(
      action(async (name: string, o: { json?: boolean }) => {
        const { api } = await connect();
        const found = await api.get(`/api/v1/datasets/${encodeURIComponent(name)}`, datasetDetailSchema);
        if (o.json) printJson(found);
        else console.log(datasetView(found));
        return undefined;
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
        if (o.json) printJson(found);
        else {
          console.log(
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
        }
        return undefined;
      }),
    );
  group
    .command('show <dataset> [version]')
    .description('the manifest')
    .option('--json', 'on one line')
    .action(
      action(async (name: string, n: string | undefined, o: { json?: boolean }) => {
        const { api } = await connect();
        const path = `/api/v1/datasets/${encodeURIComponent(name)}/versions/${encodeURIComponent(n ?? 'latest')}/manifest`;
        const manifest = await api.get(path, z.unknown());
        if (o.json) printJson(manifest);
        else console.log(JSON.stringify(manifest, null, 2));
        return undefined;
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
        if (o.json) printJson(found);
        else {
          const { added, changed, removed } = found.changes;
          console.log(`added ${count(added)}  changed ${count(changed)}  removed ${count(removed)}`);
          const head = Object.keys(found.rows[0] ?? {});
          if (head.length > 0)
            console.log(
              table(
                head,
                found.rows.map((row) => head.map((h) => String(row[h] ?? ''))),
              ),
            );
        }
        return undefined;
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
        const { url } = await connect();
        const which = n === undefined || n === 'latest' ? 'latest' : `v${n}`;
        const response = await fetch(
          new URL(`/data/${encodeURIComponent(name)}/${encodeURIComponent(which)}/${encodeURIComponent(o.file)}`, url),
        );
        if (!response.ok || !response.body) {
          const problem = (await response.json().catch(() => ({}))) as { code?: string; detail?: string };
          throw new SonghuaError(
            problem.code ?? 'api.failed',
            problem.detail ?? `the catalog answered ${response.status}`,
            { actor: 'operator' },
          );
        }
        const output = o.output ?? `${name}-${which}-${o.file}`;
        await pipeline(Readable.fromWeb(response.body), createWriteStream(output));
        console.log(output);
        return undefined;
      }),
    );
}
