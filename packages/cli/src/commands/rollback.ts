import type { Command } from 'commander';
import { z } from 'zod';
import { action, EXIT } from '../exit.js';
import { followSync, told } from '../follow-sync.js';
import { print } from '../format.js';
import { createProgress } from '../progress.js';
import { connect } from './connection.js';

const answered = z.union([
  z.looseObject({ dataset: z.string(), to: z.int(), sync: z.string() }),
  z.looseObject({ dataset: z.string(), to: z.int(), state: z.literal('unchanged'), version: z.int() }),
]);

/** `versions rollback`. */
export function addRollbackCommand(versions: Command): void {
  versions
    .command('rollback <dataset> <version>')
    .description('publish what an earlier version had as a new version, followed to its end / 回退')
    .requiredOption('--reason <text>', 'why; kept in the audit log')
    .option('--json')
    .action(
      action(async (name: string, version: string, o: { reason: string; json?: boolean }) => {
        const { api } = await connect();
        const path = `/api/v1/datasets/${encodeURIComponent(name)}/versions/${encodeURIComponent(version)}:rollback`;
        const answer = await api.post(path, { reason: o.reason }, answered);
        const { dataset, to } = answer;
        if ('state' in answer) {
          print(
            o.json,
            answer,
            () => `${dataset}: unchanged, version ${answer.version} is served and has what version ${to} has`,
          );
          return EXIT.done;
        }
        const ended = await followSync(api, answer.sync, createProgress());
        const { lines, exit } = told(ended);
        print(
          o.json,
          { ...answer, refresh: ended.refresh },
          () => `${dataset}: ${lines.join('\n')}${exit === EXIT.done ? `, as version ${to} was` : ''}`,
        );
        return exit;
      }),
    );
}
