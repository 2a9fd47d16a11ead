import type { Summary, SyncProgress } from '@songhua/contracts';
import pc from './colours.js';
import { bytes, count, seconds, table } from './format.js';
import { countsLine } from './freshness-view.js';

/** The closing report of the demo, for a person. */
export function demoReport(facts: {
  summary: Summary;
  progress: SyncProgress;
  seconds: number;
  apiUrl: string;
  addresses: Record<string, string>;
}): string {
  const { summary, progress } = facts;
  const rate = Math.round(progress.rows / Math.max(progress.stages.announce, 0.1));
  const lines = [
    '',
    pc.bold('松花 Songhua') + pc.dim(`  the city is published / 城市数据已发布  (${seconds(facts.seconds)})`),
    '',
    table(
      ['', ''],
      [
        ['departments / 部门', count(summary.departments)],
        ['domains / 主题', count(summary.domains)],
        ['datasets / 数据集', `${count(summary.published)} published of ${count(summary.datasets)}`],
        ['records / 记录', count(summary.records)],
        ['stored / 存储', bytes(summary.bytes)],
        ['rejected rows / 被拒行', `${count(progress.rejected)} kept with line and reason`],
        ['rate / 速率', `${count(rate)} rows/s, source to announced version`],
        ['freshness / 鲜度', countsLine(summary.freshness)],
        ['in sync / 一致', countsLine(summary.inSync)],
      ],
    ),
    '',
    pc.bold('slowest / 最慢'),
    table(
      ['dataset', 'rows', 'seconds'],
      progress.slowest.map((s) => [s.dataset, s.rows, s.seconds.toFixed(2)]),
    ),
  ];
  if (progress.failures.length > 0) {
    lines.push(
      '',
      pc.bold(pc.red('failed or held / 失败或待定')),
      table(
        ['dataset', 'code', 'who acts', 'why'],
        progress.failures.map((f) => [f.dataset, f.code, f.actor, f.message.slice(0, 100)]),
      ),
    );
  }
  lines.push('', pc.bold('open / 打开'), table(['', ''], Object.entries(facts.addresses)));
  lines.push(
    '',
    pc.bold('try next / 接下来'),
    '  npx songhua status',
    '  npx songhua datasets show admission-scores',
    '  npx songhua versions list admission-scores',
    `  curl ${facts.apiUrl}/data/admission-scores/latest/data.csv`,
    '  npx songhua sync --all --wait        # nothing changed: seconds',
    '  npx songhua down                     # stop; state is kept',
    '',
  );
  return lines.join('\n');
}
