import type { Command } from 'commander';
import { z } from 'zod';
import { action } from '../exit.js';
import { print, table } from '../format.js';
import { connect, queryOf } from './connection.js';

const notice = z.looseObject({
  at: z.string(),
  department: z.string(),
  subject: z.string(),
  code: z.string(),
  message: z.string(),
  actor: z.string(),
});

/** `notices`. */
export function addNoticeCommand(program: Command): void {
  program
    .command('notices')
    .description('what the owners of connectors are told / 通知')
    .option('--department <name>')
    .option('--json')
    .action(
      action(async (o: { department?: string; json?: boolean }) => {
        const { api } = await connect();
        const found = await api.get(
          `/api/v1/notices${queryOf({ department: o.department })}`,
          z.looseObject({ items: z.array(notice) }),
        );
        print(o.json, found, () =>
          table(
            ['at', 'department', 'about', 'code', 'who acts', 'what'],
            found.items.map((n) => [n.at, n.department, n.subject, n.code, n.actor, n.message]),
          ),
        );
      }),
    );
}
