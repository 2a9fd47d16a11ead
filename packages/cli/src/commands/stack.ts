import { summarySchema } from '@songhua/contracts';
import { doctor, down, resolveHome, type StackStatus, status } from '@songhua/infra';
import type { Command } from 'commander';
import { createApi } from '../api.js';
import pc from '../colours.js';
import { action, EXIT } from '../exit.js';
import { bytes, count, printJson, table } from '../format.js';
import { countsLine } from '../freshness-view.js';
import { createProgress } from '../progress.js';
import { startStack } from '../stack.js';

/** `up`, `down`, `status`, `doctor`. */
export function addStackCommands(program: Command): void {
  program
    .command('up')
    .description('start engines and services in the background / 启动')
    .option('--object-store <name>', 'minio or seaweedfs')
    .option('--dev-issuer', 'accept tokens of a local issuer, for development; kept for later starts / 开发用令牌')
    .option('--no-dev-issuer', 'accept them no more')
    .option(
      '--file-root <dir...>',
      'folders that file connectors may read; DEPARTMENT=DIR for those of one department only',
      [],
    )
    .action(
      action(async (o: { objectStore?: string; devIssuer?: boolean; fileRoot: string[] }) => {
        const progress = createProgress();
        const stack = await startStack({
          home: resolveHome(),
          progress,
          objectStore: o.objectStore,
          fileRoots: o.fileRoot,
          devIssuer: o.devIssuer,
        });
        progress.end();
        console.log(table(['', ''], Object.entries(stack.addresses)));
      }),
    );

  program
    .command('down')
    .description('stop everything; state is kept / 停止')
    .option('--wipe', 'also remove all data, logs and credentials')
    .action(
      action(async (o: { wipe?: boolean }) => {
        const result = await down({ home: resolveHome(), wipe: o.wipe ?? false });
        console.log(`${result.wasRunning ? 'stopped' : 'was not running'}${result.wiped ? ', data removed' : ''}`);
      }),
    );

  program
    .command('status')
    .description('health, addresses, estate totals / 状态')
    .option('--json')
    .action(
      action(async (o: { json?: boolean }) => {
        const stack = status(resolveHome());
        const summary =
          stack.apiUrl && stack.healthy ? await createApi(stack.apiUrl).get('/api/v1/summary', summarySchema) : null;
        if (o.json) printJson({ ...stack, summary });
        else {
          console.log(
            `${stack.healthy ? pc.green(stack.phase) : pc.red(ailing(stack))}  ${stack.home}${stack.deployment && `  deployment ${stack.deployment}`}${stack.error ? `  ${stack.error}` : ''}`,
          );
          if (stack.processes.length > 0) {
            console.log(
              table(
                ['process', 'state', 'pid', 'memory', 'restarts', 'address', 'last error'],
                stack.processes.map((p) => [
                  p.name,
                  p.state,
                  String(p.pid ?? '-'),
                  p.residentBytes === null ? '-' : bytes(p.residentBytes),
                  p.restarts,
                  p.url ?? '',
                  p.lastError?.split('\n')[0] ?? '',
                ]),
              ),
            );
          }
          if (summary) {
            console.log(
              table(
                ['', ''],
                [
                  [
                    'datasets',
                    `${count(summary.published)} published of ${count(summary.datasets)}, ${count(summary.versions)} versions`,
                  ],
                  ['records', `${count(summary.records)} in ${bytes(summary.bytes)}`],
                  ['freshness', countsLine(summary.freshness)],
                  ['in sync', countsLine(summary.inSync)],
                  [
                    'syncs',
                    `${count(summary.syncs.running)} running, ${count(summary.syncs.failed24h)} failed in 24 h`,
                  ],
                  [
                    'waiting for a person',
                    `${count(summary.holds)} holds, ${count(summary.quarantined)} rejected rows in quarantine`,
                  ],
                ],
              ),
            );
          }
        }
        return stack.healthy ? EXIT.done : EXIT.failed;
      }),
    );

  program
    .command('doctor')
    .description('check prerequisites, ports, disk / 检查环境')
    .option('--json')
    .action(
      action(async (o: { json?: boolean }) => {
        const report = await doctor();
        if (o.json) printJson(report);
        else {
          for (const check of report.checks) {
            const used = check.instead ? `; used instead: ${check.instead}` : '';
            console.log(`${check.ok ? pc.green('ok  ') : pc.red('miss')} ${check.name}: ${check.found}${used}`);
            if (check.remedy) console.log(`     ${check.remedy}`);
          }
        }
        return report.ok ? EXIT.done : EXIT.failed;
      }),
    );
}

/** What keeps a system that was started from being healthy: a process that starts again, or how far the whole is. */
function ailing({ phase, processes }: StackStatus): string {
  const waiting = processes.filter(({ state }) => state !== 'ready').map(({ name, state }) => `${name} ${state}`);
  return phase === 'ready' && waiting.length > 0 ? `not ready: ${waiting.join(', ')}` : phase;
}
