import { summarySchema } from '@songhua/contracts';
import { reasonOf } from '@songhua/domain';
import { doctor, down, resolveHome, status } from '@songhua/infra';
import type { Command } from 'commander';
import type { z } from 'zod';
import { createApi } from '../api.js';
import pc from '../colours.js';
import { action, EXIT } from '../exit.js';
import { printJson, table } from '../format.js';
import { createProgress } from '../progress.js';
import { startStack } from '../stack.js';
import { statusText } from '../status-view.js';

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
    .option('--wipe', 'also remove all data, logs, credentials and secrets; the files of inbox/ stay')
    .action(
      action(async (o: { wipe?: boolean }) => {
        const result = await down({ home: resolveHome(), wipe: o.wipe ?? false });
        const left = result.reaped.length > 0 ? `ended what ran without a supervisor: ${result.reaped.join(', ')}` : '';
        const said = result.wasRunning ? 'stopped' : left || 'was not running';
        const kept = result.kept.length > 0 ? `; left in ${resolveHome()}: ${result.kept.join(', ')}` : '';
        console.log(`${said}${result.wiped ? `, data, logs, credentials and secrets removed${kept}` : ''}`);
      }),
    );

  program
    .command('status')
    .description('health, addresses, estate totals / 状态')
    .option('--json')
    .action(
      action(async (o: { json?: boolean }) => {
        const stack = status(resolveHome());
        const summary = stack.apiUrl && stack.healthy ? await estateOf(stack.apiUrl) : null;
        if (o.json) printJson({ ...stack, summary });
        else console.log(statusText(stack, summary));
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

/** The estate's totals, or null where the catalog does not tell them now: the processes are told all the same. */
async function estateOf(apiUrl: string): Promise<z.infer<typeof summarySchema> | null> {
  try {
    return await createApi(apiUrl).get('/api/v1/summary', summarySchema);
  } catch (error) {
    console.error(`no estate totals: ${reasonOf(error).message}`);
    return null;
  }
}
