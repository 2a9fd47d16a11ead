import { type KeyMade, type KeyRequest, keyEntrySchema, keyMadeSchema } from '@songhua/contracts';
import { apiKeyId, CREDENTIAL_ROLES, type CredentialRole, newApiKey, SonghuaError } from '@songhua/domain';
import { readOperatorKey, replaceOperatorKey, resolveHome } from '@songhua/infra';
import type { Command } from 'commander';
import { z } from 'zod';
import { issueToken } from '../dev-issuer.js';
import { parseDuration } from '../duration.js';
import { action } from '../exit.js';
import { print, printJson, table } from '../format.js';
import { connect } from './connection.js';

const whoami = z.looseObject({
  id: z.string(),
  role: z.string(),
  department: z.string().nullable(),
  may: z.record(z.string(), z.string()),
});

/** `whoami`, `keys …` and `token issue`. */
export function addAccessCommands(program: Command): void {
  program
    .command('whoami')
    .description('who your credentials name, and what they may do / 当前身份')
    .option('--json')
    .action(
      action(async (o: { json?: boolean }) => {
        const { api } = await connect();
        const me = await api.get('/api/v1/whoami', whoami);
        if (o.json) printJson(me);
        else {
          console.log(`${me.id}  ${me.role}${me.department === null ? '' : ` of ${me.department}`}`);
          console.log(table(['may', 'on'], Object.entries(me.may)));
        }
      }),
    );
  addKeyCommands(program.command('keys').description('API keys of people and machines / 接口密钥'));

  program
    .command('token')
    .description('tokens of the issuer for development ("songhua up --dev-issuer") / 开发用令牌')
    .command('issue')
    .requiredOption('--role <role>', CREDENTIAL_ROLES.join(', '))
    .option('--department <name>')
    .option('--subject <name>', 'whom the token names', 'developer')
    .option('--expires <time>', 'as in 1h', '1h')
    .action(
      action(async (o: { role: string; department?: string; subject: string; expires: string }) => {
        const { url } = await connect();
        const request = { apiUrl: url, subject: o.subject, role: roleOf(o.role), department: o.department };
        console.log(await issueToken(resolveHome(), { ...request, seconds: parseDuration('--expires', o.expires) }));
      }),
    );
}

function addKeyCommands(keys: Command): void {
  keys
    .command('list')
    .option('--json')
    .action(
      action(async (o: { json?: boolean }) => {
        const { api } = await connect();
        const found = await api.get('/api/v1/keys', z.object({ items: z.array(keyEntrySchema) }));
        print(o.json, found, () =>
          table(
            ['id', 'title', 'role', 'department', 'state', 'expires', 'last used', 'made by'],
            found.items.map((k) => [
              k.id,
              k.title,
              k.actions ? `${k.role}: ${k.actions.join(', ')}` : k.role,
              k.department ?? '',
              k.state,
              k.expiresAt ?? 'never',
              k.lastUsedAt ?? 'never',
              k.createdBy,
            ]),
          ),
        );
      }),
    );

  keys
    .command('new')
    .description('print a key of the right form, for the first operator of a cluster; no system is asked')
    .action(
      action(async () => {
        console.log(newApiKey().key);
      }),
    );

  keys
    .command('create')
    .description('make a key; it is shown once / 新建密钥')
    .requiredOption('--title <text>', 'what it is for')
    .requiredOption('--role <role>', CREDENTIAL_ROLES.join(', '))
    .option('--department <name>', 'the only one that the key acts for')
    .option('--action <name...>', 'narrow the role to these, as in ingest.push')
    .option('--expires <time>', 'as in 90d')
    .option('--json')
    .action(
      action(
        async (o: {
          title: string;
          role: string;
          department?: string;
          action?: string[];
          expires?: string;
          json?: boolean;
        }) => {
          const { api } = await connect();
          const seconds = o.expires === undefined ? undefined : parseDuration('--expires', o.expires);
          const request = {
            title: o.title,
            role: roleOf(o.role),
            ...(o.department !== undefined && { department: o.department }),
            ...(o.action && { actions: o.action as KeyRequest['actions'] }),
            ...(seconds !== undefined && { expiresAt: new Date(Date.now() + seconds * 1000).toISOString() }),
          };
          show(await api.post('/api/v1/keys', request, keyMadeSchema), o.json);
        },
      ),
    );

  keys
    .command('revoke <id>')
    .description('end a key, at once and for good / 吊销')
    .option('--json')
    .action(
      action(async (id: string, o: { json?: boolean }) => {
        const { api } = await connect();
        const key = await api.delete(`/api/v1/keys/${encodeURIComponent(id)}`, keyEntrySchema);
        print(o.json, key, () => `revoked ${key.id}  ${key.title}`);
      }),
    );

  keys
    .command('rotate [id]')
    .description("another key with the same rights; without an id the operator's own, in its file / 轮换")
    .option('--grace <time>', 'how long the old key still works, as in 24h')
    .option('--json')
    .action(
      action(async (id: string | undefined, o: { grace?: string; json?: boolean }) => {
        const { api } = await connect();
        const home = resolveHome();
        const own = apiKeyId(readOperatorKey(home) ?? '');
        const asked = id ?? own;
        if (asked === undefined)
          throw new SonghuaError('usage.key', 'name the key: "songhua keys list" shows the ids', { actor: 'operator' });
        const graceSeconds = o.grace === undefined ? 0 : parseDuration('--grace', o.grace);
        const made = await api.post('/api/v1/keys:rotate', { id: asked, graceSeconds }, keyMadeSchema);
        if (asked === own) replaceOperatorKey(home, made.key);
        show(made, o.json);
      }),
    );
}

function show(made: KeyMade, json: boolean | undefined): void {
  if (json) printJson(made);
  else {
    console.log(made.key);
    process.stderr.write(
      `key ${made.id}, ${made.role}, ${made.expiresAt ?? 'no expiry'}: keep it now, it is not shown again\n`,
    );
  }
}

function roleOf(text: string): CredentialRole {
  const role = CREDENTIAL_ROLES.find((one) => one === text);
  if (role) return role;
  throw new SonghuaError('usage.role', `--role ${text} is not one of ${CREDENTIAL_ROLES.join(', ')}`, {
    actor: 'operator',
  });
}
