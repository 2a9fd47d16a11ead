import { SonghuaError } from '@songhua/domain';
import type { Command } from 'commander';
import { z } from 'zod';
import { action, EXIT } from '../exit.js';
import { followSync, told } from '../follow-sync.js';
import { print, table } from '../format.js';
import { holdSchema, holdView } from '../hold-view.js';
import { createProgress } from '../progress.js';
import { connect, queryOf } from './connection.js';

const decided = z.looseObject({ sync: z.string(), dataset: z.string(), refresh: z.string() });

/** `holds list`, `holds show` and `holds decide`. */
export function addHoldCommands(program: Command): void {
  const holds = program.command('holds').description('refreshes that wait for a person / 待决');
  holds
    .command('list')
    .option('--department <name>')
    .option('--json')
    .action(
      action(async (o: { department?: string; json?: boolean }) => {
        const { api } = await connect();
        const found = await api.get(
          `/api/v1/holds${queryOf({ department: o.department })}`,
          z.looseObject({ items: z.array(holdSchema) }),
        );
        print(o.json, found, () =>
          table(
            ['sync', 'dataset', 'code', 'why'],
            found.items.map(({ id, dataset, refresh }) => [
              id,
              dataset,
              refresh?.reason?.code ?? '',
              refresh?.reason?.message ?? '',
            ]),
          ),
        );
      }),
    );
  holds
    .command('show <sync>')
    .option('--json')
    .action(
      action(async (sync: string, o: { json?: boolean }) => {
        const { api } = await connect();
        const found = await api.get(`/api/v1/holds/${encodeURIComponent(sync)}`, holdSchema);
        print(o.json, found, () => holdView(found));
      }),
    );
  holds
    .command('decide <sync>')
    .description('let a held refresh pass, or end it; what is approved is followed to its end')
    .option('--approve', 'publish it')
    .option('--reject', 'end it; the version before stays')
    .requiredOption('--reason <text>', 'why; kept in the audit log')
    .option('--json')
    .action(
      action(async (sync: string, o: { approve?: boolean; reject?: boolean; reason: string; json?: boolean }) => {
        if (o.approve === o.reject)
          throw new SonghuaError('usage.decision', 'say either --approve or --reject', { actor: 'operator' });
        const { api } = await connect();
        const path = `/api/v1/holds/${encodeURIComponent(sync)}`;
        const result = await api.post(`${path}:decide`, { approve: o.approve === true, reason: o.reason }, decided);
        if (o.reject) {
          print(o.json, result, () => `${result.dataset}: rejected, the version before stays`);
          return EXIT.done;
        }
        const ended = await followSync(api, sync, createProgress());
        const { lines, exit } = told(ended);
        print(o.json, { ...result, refresh: ended.refresh }, () => `${result.dataset}: ${lines.join('\n')}`);
        return exit;
      }),
    );
}
