import { rejectedRowSchema } from '@songhua/contracts';
import { SonghuaError } from '@songhua/domain';
import type { Command } from 'commander';
import { z } from 'zod';
import { action } from '../exit.js';
import { count, printJson, table } from '../format.js';
import { readResources } from './apply.js';
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

/** `quarantine …`, `holds …` and `connectors …`. */
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

  const connectors = program
    .command('connectors')
    .description('kinds of sources; try one before it is registered / 连接器');
  connectors.command('kinds').action(
    action(async () => {
      const { api } = await connect();
      console.log(JSON.stringify(await api.get('/api/v1/connectors:kinds', z.unknown()), null, 2));
      return undefined;
    }),
  );
  for (const [name, description] of [
    ['test', 'reach the source without reading it all'],
    ['discover', 'streams and columns that the source offers'],
    ['preview', 'the first rows'],
  ] as const) {
    connectors
      .command(`${name} [connector]`)
      .description(description)
      .option('-f, --file <path>', 'a resource file with one Connector, registered or not')
      .action(
        action(async (connector: string | undefined, o: { file?: string }) => {
          const { api } = await connect();
          const trial = await trialOf(connector, o.file);
          console.log(JSON.stringify(await api.post(`/api/v1/connectors:${name}`, trial, z.unknown()), null, 2));
          return undefined;
        }),
      );
  }
}

async function trialOf(name: string | undefined, file: string | undefined): Promise<object> {
  if (file !== undefined) {
    const resource = (await readResources(file)).find(({ kind }) => kind === 'Connector');
    if (resource) return { resource };
    throw new SonghuaError('usage.connector', `${file} holds no Connector document`, { actor: 'department' });
  }
  if (name !== undefined) return { name };
  throw new SonghuaError('usage.connector', 'name a connector, or give -f FILE with one', { actor: 'department' });
}
