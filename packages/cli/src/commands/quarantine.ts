import { rejectedRowSchema } from '@songhua/contracts';
import { SonghuaError } from '@songhua/domain';
import type { Command } from 'commander';
import { z } from 'zod';
import type { Api } from '../api.js';
import { action, EXIT } from '../exit.js';
import { followSync, told } from '../follow-sync.js';
import { count, print, table } from '../format.js';
import { createProgress } from '../progress.js';
import { connect, queryOf } from './connection.js';

const group = z.looseObject({
  code: z.string(),
  field: z.string().optional(),
  count: z.int(),
  replayable: z.int(),
  message: z.string(),
});
const entry = z.looseObject({
  sync: z.string(),
  dataset: z.string(),
  count: z.int(),
  byCode: z.record(z.string(), z.int()),
  groups: z.array(group),
});
const entries = z.looseObject({ items: z.array(entry) });
const counted = z.array(z.looseObject({ code: z.string(), field: z.string().optional(), count: z.int() }));
const forecastSchema = z.looseObject({
  dataset: z.string(),
  asked: z.int(),
  passing: z.int(),
  failing: counted,
  unreadable: counted,
  changes: z.looseObject({ added: z.int(), changed: z.int(), removed: z.int() }),
});
const openedSchema = z.looseObject({ sync: z.string(), of: z.string(), dataset: z.string() });

/** `quarantine list`, `show` and `replay`. */
export function addQuarantineCommands(program: Command): void {
  const quarantine = program.command('quarantine').description('rejected rows, kept with line and reason / 被拒行');
  quarantine
    .command('list')
    .description('by dataset and reason, with the message of the first row')
    .option('--dataset <name>')
    .option('--department <name>')
    .option('--json')
    .action(
      action(async (o: { dataset?: string; department?: string; json?: boolean }) => {
        const { api } = await connect();
        const query = queryOf({ dataset: o.dataset, department: o.department });
        const found = await api.get(`/api/v1/quarantine${query}`, entries);
        print(o.json, found, () =>
          table(
            ['dataset', 'sync', 'code', 'field', 'rows', 'replayable', 'for example'],
            found.items.flatMap(({ dataset, sync, groups }) =>
              groups.map((g) => [dataset, sync, g.code, g.field ?? '', g.count, g.replayable, g.message]),
            ),
          ),
        );
      }),
    );
  quarantine
    .command('show <sync>')
    .option('--page <n>', 'from 1', '1')
    .option('--json')
    .action(
      action(async (sync: string, o: { page: string; json?: boolean }) => {
        const { api } = await connect();
        const path = `/api/v1/quarantine/${encodeURIComponent(sync)}?page=${encodeURIComponent(o.page)}`;
        const found = await api.get(path, entry.extend({ rows: z.array(rejectedRowSchema) }));
        print(o.json, found, () =>
          table(
            ['line', 'field', 'code', 'message', 'row'],
            found.rows.map((r) => [String(r.line), r.field ?? '', r.code, r.message, r.raw.slice(0, 60)]),
          ),
        );
      }),
    );
  quarantine
    .command('replay <sync-or-dataset>')
    .description('read rejected rows again by the rules that the dataset has now, and publish those that pass')
    .option('--code <code...>', 'only rows that were rejected for these')
    .option('--dry-run', 'tell how many would pass, and what is still wrong with the others')
    .option('--json')
    .action(
      action(async (target: string, o: { code?: string[]; dryRun?: boolean; json?: boolean }) => {
        const { api } = await connect();
        const path = `/api/v1/quarantine/${encodeURIComponent(await syncOf(api, target))}:replay`;
        const body = o.code ? { codes: o.code } : {};
        if (o.dryRun) {
          const forecast = await api.post(path, { ...body, dryRun: true }, forecastSchema);
          print(o.json, forecast, () => forecastShown(forecast));
          return EXIT.done;
        }
        const opened = await api.post(path, body, openedSchema);
        const ended = await followSync(api, opened.sync, createProgress());
        const left = await api.get(`/api/v1/quarantine/${encodeURIComponent(opened.of)}`, entry);
        const { lines, exit } = told(ended);
        const [outcome, ...more] = lines;
        print(o.json, { ...opened, refresh: ended.refresh, left: left.count }, () =>
          [`${opened.dataset}: ${outcome}; ${count(left.count)} rows are still rejected`, ...more].join('\n'),
        );
        return exit === EXIT.done && ended.refresh?.state === 'superseded' ? EXIT.failed : exit;
      }),
    );
}

/** A sync by its id, or the last one of a dataset with rejected rows. */
async function syncOf(api: Api, target: string): Promise<string> {
  if (/^sy_/.test(target)) return target;
  const { items } = await api.get(`/api/v1/quarantine?dataset=${encodeURIComponent(target)}&pageSize=1`, entries);
  const [newest] = items;
  if (newest) return newest.sync;
  throw new SonghuaError('usage.quarantine', `dataset ${target} has no rejected rows: see "songhua quarantine list"`, {
    actor: 'department',
  });
}

function forecastShown({
  dataset,
  asked,
  passing,
  failing,
  unreadable,
  changes,
}: z.infer<typeof forecastSchema>): string {
  const total = `${dataset}: ${count(passing)} of ${count(asked)} rows would pass (added ${count(changes.added)}  changed ${count(changes.changed)})`;
  const rows = [
    ...failing.map((one) => [one.code, one.field ?? '', one.count, 'still wrong by the rules of today']),
    ...unreadable.map((one) => [
      one.code,
      '',
      one.count,
      'no cells could be made of them: correct the source and run its sync again',
    ]),
  ];
  return rows.length > 0 ? `${total}\n${table(['code', 'field', 'rows', 'why'], rows)}` : total;
}
