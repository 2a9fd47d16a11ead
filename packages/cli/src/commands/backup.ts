import { resolve } from 'node:path';
import type { BackupResult, Restored, Unaccepted, Verdict } from '@songhua/backup';
import { namesOf } from '@songhua/contracts';
import { declareDeployment, type Endpoints, ensureOperator, readOperatorKey, resolveHome } from '@songhua/infra';
import type { Command } from 'commander';
import { z } from 'zod';
import { onStderr as pc } from '../colours.js';
import { engineEndpoints } from '../engines.js';
import { action, EXIT } from '../exit.js';
import { bytes, count, print, seconds } from '../format.js';
import { createProgress } from '../progress.js';
import { connect } from './connection.js';

// Problems told in full; the document of --json has all.
const TOLD = 20;

/** `backup`, `restore` and `recover`. */
export function addBackupCommands(program: Command): void {
  program
    .command('backup')
    .description('save the catalog and the bucket as of one moment, while everything runs / 备份')
    .requiredOption('--to <dir>', 'a folder; what it holds of an earlier backup is not copied again')
    .option('--json')
    .action(
      action(async (o: { to: string; json?: boolean }) => {
        const endpoints = engineEndpoints();
        const { backup } = await import('@songhua/backup');
        const progress = createProgress();
        const result = await backup({
          databaseUrl: endpoints.databaseUrl,
          store: await storeOf(endpoints),
          deployment: endpoints.deployment,
          to: resolve(o.to),
          onProgress: (stage, text) => progress.update(stage, text),
        });
        progress.end();
        print(o.json, backupDocument(result), () => backupText(result, resolve(o.to)));
        tellProblems(result.backup.problems);
        warnOfKeys(result);
        return result.backup.problems.length > 0 ? EXIT.failed : EXIT.done;
      }),
    );

  program
    .command('restore')
    .description('bring a backup back into empty engines / 恢复')
    .requiredOption('--from <dir>', 'the folder of the backup')
    .option('--verify', 'afterwards, hold every object, version and row of the audit log against the backup')
    .option('--check', 'only hold the folder against itself; restores nothing and needs no engine')
    .option('--json')
    .action(
      action(async (o: { from: string; verify?: boolean; check?: boolean; json?: boolean }) => {
        const from = resolve(o.from);
        const progress = createProgress();
        const { checkBackup, restore, verifyRestored } = await import('@songhua/backup');
        if (o.check) {
          const verdict = await checkBackup(from, (text) => progress.update('check', text));
          progress.end();
          print(o.json, verdict, () => verdictText(verdict));
          tellProblems(verdict.problems);
          return verdict.ok ? EXIT.done : EXIT.failed;
        }
        const endpoints = engineEndpoints();
        // Topics, namespace, bucket and database; the tables come from the backup.
        await declareDeployment({ endpoints });
        const store = await storeOf(endpoints);
        const { databaseUrl } = endpoints;
        const restored = await restore({
          databaseUrl,
          store,
          eventSource: namesOf(endpoints.deployment).eventSource,
          from,
          onProgress: (stage, text) => progress.update(stage, text),
        });
        const verdict = o.verify
          ? await verifyRestored({ databaseUrl, store, from, onProgress: (text) => progress.update('verify', text) })
          : undefined;
        // Whoever restores goes on with the key that is here; those of the lost system are back as well.
        const key = process.env.SONGHUA_OPERATOR_KEY || readOperatorKey(resolveHome());
        if (key) await ensureOperator(databaseUrl, key);
        progress.end();
        print(o.json, restoreDocument(restored, verdict), () =>
          [restoreText(restored), ...(verdict ? [verdictText(verdict)] : [])].join('\n'),
        );
        const problems = verdict?.problems ?? restored.backup.problems;
        tellProblems(problems);
        tellUnaccepted(restored.unaccepted);
        return problems.length > 0 || verdict?.ok === false ? EXIT.failed : EXIT.done;
      }),
    );

  program
    .command('recover')
    .description(
      'after an engine lost its data: give lanes again what they should work on, read again what was lost / 找回',
    )
    .option('--json')
    .action(
      action(async (o: { json?: boolean }) => {
        const { api } = await connect();
        const found = await api.post('/api/v1/syncs:recover', undefined, recoveredSchema);
        print(o.json, found, () =>
          [
            `${count(found.handedOver)} given to their lanes again`,
            `${count(found.readAgain.length)} read again${found.readAgain.length > 0 ? `: ${found.readAgain.join(', ')}` : ''}`,
          ].join('\n'),
        );
        return EXIT.done;
      }),
    );
}

const recoveredSchema = z.object({
  handedOver: z.int(),
  readAgain: z.array(z.string()),
});

async function storeOf({ s3, deployment }: Endpoints) {
  const { createMinioStore } = await import('@songhua/object-store');
  return createMinioStore({ ...s3, prefix: namesOf(deployment).bucketPrefix });
}

const backupDocument = ({ backup, rows, copied, gone, seconds: took }: BackupResult) => ({
  id: backup.id,
  at: backup.at,
  totals: backup.totals,
  rows,
  objects: {
    count: backup.objects.count,
    bytes: backup.objects.bytes,
    copied: copied.objects,
    copiedBytes: copied.bytes,
  },
  gone,
  audit: backup.audit,
  secrets: backup.secrets,
  problems: backup.problems,
  seconds: took,
});

const backupText = ({ backup, rows, copied, gone, seconds: took }: BackupResult, to: string): string =>
  [
    `${to} holds the backup ${backup.id} of ${backup.at}, made in ${seconds(took)}`,
    `${count(backup.totals.datasets)} datasets, ${count(backup.totals.versions)} versions, ${count(backup.totals.records)} records; ${count(backup.totals.openSyncs)} syncs were under way`,
    `${count(rows)} rows of ${backup.tables.length} tables; audit log to ${backup.audit.sequence}:${backup.audit.hash}`,
    `${count(backup.objects.count)} objects of ${bytes(backup.objects.bytes)}; copied now: ${count(copied.objects)} of ${bytes(copied.bytes)}${gone > 0 ? `; ${count(gone)} had been collected` : ''}`,
  ].join('\n');

const restoreDocument = (restored: Restored, verdict: Verdict | undefined) => {
  const { backup, seconds: took, ...told } = restored;
  const { id, at, totals } = backup;
  return { id, at, totals, ...told, seconds: took, verdict };
};

const restoreText = (restored: Restored): string => {
  const { backup, rows, migrated, sent, readAgain, handedOver, announced, lostHeads, seconds: took } = restored;
  return [
    `restored the backup ${backup.id} of ${backup.at} in ${seconds(took)}`,
    `${count(backup.totals.datasets)} datasets, ${count(backup.totals.versions)} versions, ${count(backup.totals.records)} records`,
    `${count(rows)} rows of ${backup.tables.length} tables${migrated.length > 0 ? `, then the migrations ${migrated.join(', ')}` : ''}`,
    `${count(backup.objects.count)} objects of ${bytes(backup.objects.bytes)}; sent: ${count(sent.objects)} of ${bytes(sent.bytes)}, the others were there`,
    `open syncs: ${count(readAgain)} read again, ${count(handedOver)} given to their lanes; ${count(announced)} current versions announced again`,
    ...(lostHeads.length > 0
      ? [
          `the audit log had ${lostHeads.map((head) => `${head.sequence}:${head.hash}`).join(', ')} after what came back; it is noted in it`,
        ]
      : []),
    ...(backup.secrets.connectors > 0
      ? [
          `${count(backup.secrets.connectors)} connectors have stored secrets, sealed under ${backup.secrets.keys.join(', ')}`,
        ]
      : []),
  ].join('\n');
};

const verdictText = ({ ok, versions, current, objects, bytes: size, audit, problems }: Verdict): string =>
  [
    `${ok ? 'verified' : pc.red('not as it was')}: ${count(objects)} objects of ${bytes(size)} by their hashes, ${count(versions)} versions whole${audit ? `, ${count(current)} of them current` : ''}, ${count(problems.length)} problems`,
    ...(audit
      ? [
          audit.bad
            ? `audit log: row ${audit.bad.sequence} ${audit.bad.fault}: ${audit.bad.message}`
            : `audit log: ${count(audit.count)} rows as they were written`,
        ]
      : []),
  ].join('\n');

function tellProblems(problems: { message: string }[]): void {
  for (const { message } of problems.slice(0, TOLD)) process.stderr.write(`${pc.red('lost')} ${message}\n`);
  if (problems.length > TOLD) process.stderr.write(`and ${count(problems.length - TOLD)} more; --json tells all\n`);
}

/** Whom to ask for what was pushed after the cut. */
function tellUnaccepted({ count: all, pushes }: Unaccepted): void {
  if (all === 0) return;
  const owners = [
    ...new Set(pushes.map(({ owner }) => (owner ? `${owner.department} (${owner.connector})` : 'unknown'))),
  ];
  process.stderr.write(
    `${pc.yellow('send again')} ${count(all)} pushed files in the bucket are not in the restored catalog 有 ${count(all)} 份推送不在恢复的目录中，请部门重新推送: ${owners.join(', ')}\n`,
  );
  for (const { key, pushedAt } of pushes.slice(0, TOLD)) process.stderr.write(`  ${key} of ${pushedAt}\n`);
  if (all > TOLD) process.stderr.write(`and ${count(all - TOLD)} more; --json tells up to a thousand\n`);
}

function warnOfKeys({ backup: { secrets } }: BackupResult): void {
  if (secrets.connectors === 0) return;
  process.stderr.write(
    `${pc.yellow('keep apart')} the keys that secrets are sealed under (${secrets.keys.join(', ')}) are NOT in the backup: copy credentials/secrets.kek of the state folder (in a cluster: SONGHUA_KEK) to another place; without it the secrets of ${count(secrets.connectors)} connectors are lost\n`,
  );
}
