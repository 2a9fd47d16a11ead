import { rejectedRowSchema } from '@songhua/contracts';
import type { Command } from 'commander';
import { z } from 'zod';
import { action } from '../exit.js';
import { count, printJson, table } from '../format.js';
import { connect } from './connection.js';

const entry = z.looseObject({
  sync: z.string(),
  dataset: z.string(),
  count: z.int(),
  byCode: z.record(z.string(), z.int()),
});
const held = z.looseObject({
  id: z.string(),
  dataset: z.string(),
  refresh: z.looseObject({ reason: z.looseObject({ code: z.string(), message: z.string() }).nullable() }).nullable(),
});

/** `quarantine …` and `holds …`. */
export function addOperateCommands(program: Command): void {
  const quarantine = program.command('quarantine').description('rejected rows, kept with line and reason / 被拒行');
  quarantine
    .command('list')
    .option('--dataset <name>')
    .option('--json')
    .action(
      action(async (o: { dataset?: string; json?: boolean }) => {
        const { api } = await connect();
        const query = o.dataset === undefined ? '' : `?dataset=${encodeURIComponent(o.dataset)}`;
        const found = await api.get(`/api/v1/quarantine${query}`, z.looseObject({ items: z.array(entry) }));
        if (o.json) printJson(found);
        else {
          const codes = (byCode: Record<string, number>): string =>
            Object.entries(byCode)
              .map(([code, n]) => `${code} ${count(n)}`)
              .join(', ');
          console.log(
            table(
              ['sync', 'dataset', 'rows', 'reasons'],
              found.items.map((e) => [e.sync, e.dataset, e.count, codes(e.byCode)]),
            ),
          );
        }
        return undefined;
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
        if (o.json) printJson(found);
        else {
          console.log(
            table(
              ['line', 'field', 'code', 'message', 'row'],
              found.rows.map((r) => [String(r.line), r.field ?? '', r.code, r.message, r.raw.slice(0, 60)]),
            ),
          );
        }
        return undefined;
      }),
    );

  program
    .command('holds')
    .description('refreshes that wait for a person / 待决')
    .command('list')
    .option('--json')
    .action(
      action(async (o: { json?: boolean }) => {
        const { api } = await connect();
        const found = await api.get('/api/v1/holds', z.looseObject({ items: z.array(held) }));
        if (o.json) printJson(found);
        else {
          console.log(
            table(
              ['sync', 'dataset', 'code', 'why'],
              found.items.map((h) => [
                h.id,
                h.dataset,
                h.refresh?.reason?.code ?? '',
                h.refresh?.reason?.message ?? '',
              ]),
            ),
          );
        }
        return undefined;
      }),
    );
}
