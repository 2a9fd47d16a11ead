import { type SyncAccepted, type SyncProgress, type SyncRequest, syncAcceptedSchema } from '@songhua/contracts';
import { SonghuaError } from '@songhua/domain';
import type { Command } from 'commander';
import { z } from 'zod';
import { action, EXIT } from '../exit.js';
import { followRequest } from '../follow.js';
import { count, print, printJson, printWhole, seconds, table } from '../format.js';
import { createProgress } from '../progress.js';
import { connect, queryOf } from './connection.js';

const syncRow = z.looseObject({
  id: z.string(),
  connector: z.string(),
  dataset: z.string(),
  state: z.string(),
  rows: z.int(),
  queuedAt: z.string(),
  reason: z.looseObject({ code: z.string() }).nullable(),
  refresh: z
    .looseObject({
      state: z.string(),
      version: z.int().nullable(),
      reason: z.looseObject({ code: z.string(), message: z.string() }).nullable(),
    })
    .nullable(),
});

/** `sync …` and `syncs …`. */
export function addSyncCommands(program: Command): void {
  program
    .command('sync [connector...]')
    .description('run now / 立即同步')
    .option('--department <name>')
    .option('--all')
    .option('--full', 'read everything; what the source no longer has goes, but in mode append only new rows come')
    .option('--reset', 'read everything and build the dataset anew from it, in mode append too')
    .option('--from <value>', 'backfill: read again what lies from this cursor value on; the cursor stays')
    .option('--to <value>', 'backfill: up to this cursor value, itself included')
    .option('--wait', 'follow to the terminal state')
    .option('--json')
    .action(
      action(
        async (
          connectors: string[],
          o: {
            department?: string;
            all?: boolean;
            full?: boolean;
            reset?: boolean;
            from?: string;
            to?: string;
            wait?: boolean;
            json?: boolean;
          },
        ) => {
          if (connectors.length === 0 && !o.department && !o.all)
            throw new SonghuaError('usage.sync', 'name connectors, or give --department D or --all', {
              actor: 'operator',
            });
          const { api } = await connect();
          const body: SyncRequest = {
            full: o.full ?? false,
            reset: o.reset ?? false,
            ...((o.from !== undefined || o.to !== undefined) && {
              range: { ...(o.from !== undefined && { from: o.from }), ...(o.to !== undefined && { to: o.to }) },
            }),
            ...(connectors.length > 0 && { connectors }),
            ...(o.department && { department: o.department }),
            ...(o.all && { all: true }),
          };
          const accepted: SyncAccepted = await api.post('/api/v1/syncs', body, syncAcceptedSchema);
          for (const { connector, message } of accepted.skipped ?? [])
            process.stderr.write(`${connector} was not started: ${message}\n`);
          if (accepted.syncs.length === 0 && accepted.skipped) {
            if (o.json) printJson(accepted);
            return EXIT.failed;
          }
          if (!o.wait) {
            print(
              o.json,
              accepted,
              () =>
                `${count(accepted.syncs.length)} syncs claimed, request ${accepted.request}; follow with "songhua syncs list --request ${accepted.request}"`,
            );
            return EXIT.done;
          }
          const result = await followRequest(api, accepted.request, createProgress());
          print(o.json, result, () => resultShown(result));
          return result.failed > 0 ? EXIT.failed : result.held > 0 ? EXIT.held : EXIT.done;
        },
      ),
    );

  const syncs = program.command('syncs').description('runs of connectors / 同步记录');
  syncs
    .command('list')
    .option('--connector <name>')
    .option('--department <name>')
    .option('--state <state>')
    .option('--request <id>')
    .option('--limit <n>', 'at most 500', '50')
    .option('--json')
    .action(
      action(async (o: { json?: boolean } & Partial<Record<string, string>>) => {
        const { api } = await connect();
        const { json, ...filters } = o;
        const found = await api.get(`/api/v1/syncs${queryOf(filters)}`, z.looseObject({ items: z.array(syncRow) }));
        print(json, found, () =>
          table(
            ['sync', 'connector', 'state', 'rows', 'refresh', 'version', 'reason', 'queued'],
            found.items.map((s) => [
              s.id,
              s.connector,
              s.state,
              s.rows,
              s.refresh?.state ?? '-',
              s.refresh?.version ?? '-',
              s.reason?.code ?? s.refresh?.reason?.code ?? '',
              s.queuedAt,
            ]),
          ),
        );
      }),
    );
  syncs
    .command('show <id>')
    .option('--json')
    .action(
      action(async (id: string, o: { json?: boolean }) => {
        const { api } = await connect();
        printWhole(o.json, await api.get(`/api/v1/syncs/${encodeURIComponent(id)}`, z.unknown()));
      }),
    );
}

export function resultShown(result: SyncProgress): string {
  const { published, unchanged, held, failed, rows, rejected, stages, failures } = result;
  const totals = `published ${count(published)}  unchanged ${count(unchanged)}  held ${count(held)}  failed ${count(failed)}  rows ${count(rows)}  rejected ${count(rejected)}  ${seconds(Math.max(...Object.values(stages)))}`;
  if (failures.length === 0) return totals;
  const why = table(
    ['dataset', 'state', 'code', 'who acts', 'why'],
    failures.map((f) => [f.dataset, f.state, f.code, f.actor, f.message]),
  );
  return `${totals}\n${why}`;
}
