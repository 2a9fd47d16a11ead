import { randomUUID } from 'node:crypto';
import { type SyncAccepted, type SyncProgress, type SyncRequest, syncAcceptedSchema } from '@songhua/contracts';
import { SonghuaError } from '@songhua/domain';
import type { Command } from 'commander';
import { z } from 'zod';
import type { Api } from '../api.js';
import { action, EXIT } from '../exit.js';
import { awaitRequest, exitOf, followRequest } from '../follow-request.js';
import { followSync, told } from '../follow-sync.js';
import { count, print, printJson, printWhole, seconds, table } from '../format.js';
import { decisionShown, waitingHolds } from '../hold-view.js';
import { createProgress } from '../progress.js';
import { stageShown, syncSchema } from '../sync-view.js';
import { connect, queryOf } from './connection.js';

/** Ids of syncs begin so; anything else names a request. */
const SYNC_ID = /^sy_/;
// The commands of more are in "holds list".
const MOST_DECIDED = 5;

interface SyncOptions {
  department?: string;
  all?: boolean;
  full?: boolean;
  reset?: boolean;
  from?: string;
  to?: string;
  request?: string;
  wait?: boolean;
  json?: boolean;
}

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
    .option(
      '--request <id>',
      'the same id claims the same syncs, so that a call can be repeated; new each time when absent',
    )
    .action(action(sync));

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
        const found = await api.get(`/api/v1/syncs${queryOf(filters)}`, z.looseObject({ items: z.array(syncSchema) }));
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
        const found = await api.get(`/api/v1/syncs/${encodeURIComponent(id)}`, z.unknown());
        const stage = stageShown(syncSchema.parse(found), new Date());
        if (stage !== undefined && !o.json) process.stderr.write(`${stage}\n`);
        printWhole(o.json, found);
      }),
    );
  syncs
    .command('cancel <id>')
    .description('end a sync that waits or is read; what is published stays')
    .requiredOption('--reason <text>', 'why; kept in the audit log')
    .option('--json')
    .action(
      action(async (id: string, o: { reason: string; json?: boolean }) => {
        const { api } = await connect();
        const ended = await api.post(
          `/api/v1/syncs/${encodeURIComponent(id)}:cancel`,
          { reason: o.reason },
          syncSchema,
        );
        print(o.json, ended, () => `${ended.dataset}: sync ${id} is cancelled; what is published stays`);
      }),
    );
  syncs
    .command('wait <request>')
    .description('follow a request, or one sync, to the terminal state, as "sync --wait" does; how to come back to it')
    .option('--json')
    .action(
      action(async (id: string, o: { json?: boolean }) => {
        const { api } = await connect();
        if (!SYNC_ID.test(id)) return reported(await followRequest(api, id, createProgress()), o);
        const ended = await followSync(api, id, createProgress());
        const { lines, exit } = told(ended);
        print(o.json, ended, () => `${ended.dataset}: ${lines.join('\n')}`);
        return exit;
      }),
    );
}

async function sync(connectors: string[], o: SyncOptions): Promise<number> {
  if (connectors.length === 0 && !o.department && !o.all)
    throw new SonghuaError('usage.sync', 'name connectors, or give --department D or --all', { actor: 'operator' });
  const { api } = await connect();
  const { request = randomUUID() } = o;
  const ranged = o.from !== undefined || o.to !== undefined;
  // The client names the request, so that a call whose answer was lost claims the same slots when it is made again.
  const body: SyncRequest = {
    full: o.full ?? false,
    reset: o.reset ?? false,
    ...(ranged && {
      range: { ...(o.from !== undefined && { from: o.from }), ...(o.to !== undefined && { to: o.to }) },
    }),
    ...(connectors.length > 0 && { connectors }),
    ...(o.department && { department: o.department }),
    ...(o.all && { all: true }),
    request,
  };
  const claim = async (by: Api): Promise<SyncAccepted> => {
    const accepted = await by.post('/api/v1/syncs', body, syncAcceptedSchema);
    for (const { connector, message } of accepted.skipped ?? [])
      process.stderr.write(`${connector} was not started: ${message}\n`);
    return accepted;
  };
  const nothing = (accepted: SyncAccepted): boolean => accepted.syncs.length === 0 && accepted.skipped !== undefined;
  if (!o.wait) {
    const accepted = await claim(api);
    if (nothing(accepted)) return nothingStarted(accepted, o);
    print(
      o.json,
      accepted,
      () =>
        `${count(accepted.syncs.length)} syncs claimed, request ${request}; follow with "songhua syncs wait ${request}"`,
    );
    return EXIT.done;
  }
  return awaitRequest(api, request, createProgress(), async (patient, follow) => {
    const accepted = await claim(patient);
    return nothing(accepted) ? nothingStarted(accepted, o) : reported(await follow(), o);
  });
}

function nothingStarted(accepted: SyncAccepted, { json }: { json?: boolean }): number {
  if (json) printJson(accepted);
  return EXIT.failed;
}

function reported(result: SyncProgress, { json }: { json?: boolean }): number {
  print(json, result, () => resultShown(result));
  return exitOf(result);
}

/** What became of a request: totals, why something did not get through, and what a person can do now. */
export function resultShown(result: SyncProgress): string {
  const { published, unchanged, held, failed, rows, rejected, stages, failures, holds } = result;
  const totals = `published ${count(published)}  unchanged ${count(unchanged)}  held ${count(held)}  failed ${count(failed)}  rows ${count(rows)}  rejected ${count(rejected)}  ${seconds(Math.max(stages.read, stages.refresh))}`;
  const lines = [totals];
  if (failures.length > 0)
    lines.push(
      table(
        ['dataset', 'sync', 'state', 'code', 'who acts', 'why'],
        failures.map((f) => [f.dataset, f.sync, f.state, f.code, f.actor, f.message]),
      ),
    );
  for (const { sync } of failures.filter(({ state }) => state === 'held').slice(0, MOST_DECIDED))
    lines.push(...decisionShown(sync));
  if (holds.length > 0) lines.push(waitingHolds(holds));
  return lines.join('\n');
}
