import type { summarySchema } from '@songhua/contracts';
import type { StackStatus } from '@songhua/infra';
import type { z } from 'zod';
import pc from './colours.js';
import { bytes, count, table } from './format.js';
import { countsLine } from './freshness-view.js';

/** What `songhua status` prints: one line that says how it is, what to do, what threatens, then every process and the estate. */
export function statusText(stack: StackStatus, summary: z.infer<typeof summarySchema> | null): string {
  const heading = stack.healthy ? pc.green(stack.phase) : pc.red(ailing(stack));
  const deployment = stack.deployment && `  deployment ${stack.deployment}`;
  return [
    `${heading}  ${stack.home}${deployment}${stack.error ? `  ${stack.error}` : ''}`,
    ...(stack.remedy ? [stack.remedy] : []),
    ...stack.warnings.map((warning) => pc.yellow(`warning: ${warning}`)),
    ...(stack.processes.length > 0 ? [processTable(stack)] : []),
    ...(summary ? [estateTable(summary)] : []),
  ].join('\n');
}

/** What keeps a system that was started from being healthy: a process that starts again, or how far the whole is. */
function ailing({ phase, processes }: StackStatus): string {
  const waiting = processes.filter(({ state }) => state !== 'ready').map(({ name, state }) => `${name} ${state}`);
  return phase === 'ready' && waiting.length > 0 ? `not ready: ${waiting.join(', ')}` : phase;
}

const processTable = ({ processes }: StackStatus): string =>
  table(
    ['process', 'state', 'pid', 'memory', 'restarts', 'address', 'last error'],
    processes.map((p) => [
      p.name,
      p.state,
      String(p.pid ?? '-'),
      p.residentBytes === null ? '-' : bytes(p.residentBytes),
      p.restarts,
      p.url ?? '',
      [p.lastErrorAt, p.lastError?.split('\n')[0]].filter(Boolean).join(' '),
    ]),
  );

function estateTable(summary: z.infer<typeof summarySchema>): string {
  const published = `${count(summary.published)} published of ${count(summary.datasets)}`;
  return table(
    ['', ''],
    [
      ['datasets', `${published}, ${count(summary.versions)} versions`],
      ['records', `${count(summary.records)} in ${bytes(summary.bytes)}`],
      ['freshness', countsLine(summary.freshness)],
      ['in sync', countsLine(summary.inSync)],
      ['syncs', `${count(summary.syncs.running)} running, ${count(summary.syncs.failed24h)} failed in 24 h`],
      [
        'waiting for a person',
        `${count(summary.holds)} holds, ${count(summary.quarantined)} rejected rows in quarantine`,
      ],
    ],
  );
}
