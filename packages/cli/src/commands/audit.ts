import { type AuditHead, auditEntrySchema, auditHeadSchema, auditVerdictSchema } from '@songhua/contracts';
import { SonghuaError } from '@songhua/domain';
import type { Command } from 'commander';
import { z } from 'zod';
import { action, EXIT } from '../exit.js';
import { count, print, printJson, table } from '../format.js';
import { connect, queryOf } from './connection.js';

/** `audit list`, `audit head` and `audit verify`. */
export function addAuditCommands(program: Command): void {
  const audit = program.command('audit').description('every change and decision, in a chain of hashes / 审计');
  audit
    .command('list')
    .option('--actor <id>', 'as in key:0123456789ab')
    .option('--action <name>')
    .option('--subject <kind/name>', 'as in Dataset/admission-scores')
    .option('--from <time>', 'ISO 8601')
    .option('--until <time>', 'ISO 8601')
    .option('--before <sequence>', 'the page before this row')
    .option('--limit <n>', 'at most 1000', '50')
    .option('--json')
    .action(
      action(async (o: { json?: boolean } & Partial<Record<string, string>>) => {
        const { api } = await connect();
        const { json, ...filters } = o;
        const found = await api.get(
          `/api/v1/audit${queryOf(filters)}`,
          z.looseObject({ items: z.array(auditEntrySchema) }),
        );
        print(json, found, () =>
          table(
            ['#', 'at', 'who', 'action', 'subject', 'detail'],
            found.items.map((row) => [
              String(row.sequence),
              row.at.slice(0, 19),
              row.actor,
              row.action,
              row.subject,
              JSON.stringify(row.detail).slice(0, 80),
            ]),
          ),
        );
      }),
    );

  audit
    .command('head')
    .description('the last row, to be noted down elsewhere and given to verify --head later / 链头')
    .option('--json')
    .action(
      action(async (o: { json?: boolean }) => {
        const { api } = await connect();
        const head = await api.get('/api/v1/audit:head', auditHeadSchema);
        print(o.json, head, () => `${head.sequence}:${head.hash}`);
      }),
    );

  audit
    .command('verify')
    .description('check the whole chain / 校验')
    .option('--head <sequence:hash...>', 'heads noted earlier: shows whether rows were cut off or rewritten since', [])
    .option('--json')
    .action(
      action(async (o: { head: string[]; json?: boolean }) => {
        const { api } = await connect();
        const verdict = await api.post('/api/v1/audit:verify', { heads: o.head.map(parseHead) }, auditVerdictSchema);
        if (o.json) printJson(verdict);
        else if (verdict.bad) console.log(`row ${verdict.bad.sequence} ${verdict.bad.fault}: ${verdict.bad.message}`);
        else
          console.log(
            `${count(verdict.count)} rows are as they were written, held against ${count(verdict.anchors)} noted heads`,
          );
        return verdict.ok ? EXIT.done : EXIT.failed;
      }),
    );
}

function parseHead(text: string): AuditHead {
  const [sequence, hash] = text.split(':');
  const parsed = auditHeadSchema.safeParse({ sequence: Number(sequence), hash });
  if (parsed.success && parsed.data.hash !== '') return parsed.data;
  throw new SonghuaError('usage.head', `--head ${text} is not SEQUENCE:HASH, as "songhua audit head" prints it`, {
    actor: 'operator',
  });
}
