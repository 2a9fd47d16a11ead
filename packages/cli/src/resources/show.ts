import type { Applied, ResourceChange } from '@songhua/contracts';
import type { Difference } from '@songhua/domain';
import { stringify } from 'yaml';
import pc from '../colours.js';
import { count } from '../format.js';

const SIGNS = { create: pc.green('+'), change: pc.yellow('~'), delete: pc.red('-') };
// A value on one line is read, a longer one is looked up in its file.
const WIDEST = 70;

/** One line a change with its differences below, as a person reads them. */
export function showChanges(changes: ResourceChange[]): string {
  return changes.map(showChange).join('\n');
}

function showChange({ kind, name, change, revision, differences, approval, causes }: ResourceChange): string {
  const waits = approval === 'needed' ? pc.yellow('  waits for approval') : '';
  const head = `${SIGNS[change]} ${pc.bold(`${kind}/${name}`)}  ${change}${change === 'create' ? '' : `, revision ${revision}`}${waits}`;
  const body =
    change === 'create'
      ? differences.flatMap(({ path, after }) => (path === 'spec' ? yamlLines(after) : [`${path}: ${inline(after)}`]))
      : differences.map(showDifference);
  const caused = (causes ?? []).map(({ message }) => pc.yellow(`→ ${message}`));
  return [head, ...[...body, ...caused].map((line) => `    ${line}`)].join('\n');
}

/** `spec.guards.maxShrink: 0.5 → 0.2` */
export function showDifference({ path, before, after }: Difference): string {
  if (before === undefined) return `${pc.green('+')} ${path}: ${inline(after)}`;
  if (after === undefined) return `${pc.red('-')} ${path}: ${inline(before)}`;
  return `${path}: ${inline(before)} → ${inline(after)}`;
}

const inline = (value: unknown): string => {
  const text = JSON.stringify(value) ?? '';
  return text.length > WIDEST ? `${text.slice(0, WIDEST)}…` : text;
};

const yamlLines = (value: unknown): string[] =>
  stringify(value, { lineWidth: 0 })
    .trimEnd()
    .split('\n')
    .map((line) => pc.dim(line));

/** A line for each change that waits for an approval, with the command that asks for it. */
export const waitingShown = ({ changes }: Pick<Applied, 'changes'>): string[] =>
  changes
    .filter(({ approval }) => approval === 'needed')
    .map(({ name }) => `${name} waits for approval: songhua connectors submit ${name}`);

/** A line for each thing that a change brings about beside itself. */
export const causesShown = ({ changes }: Pick<Applied, 'changes'>): string[] =>
  changes.flatMap(({ kind, name, causes = [] }) => causes.map(({ message }) => `${kind}/${name}: ${message}`));

export const showTotals = ({ created, changed, unchanged }: Omit<Applied, 'changes'>): string =>
  `created ${count(created)}  changed ${count(changed)}  unchanged ${count(unchanged)}`;

/** Resources as YAML documents; the same resources are the same bytes. */
export function toYaml(resources: unknown[]): string {
  return resources.map((resource) => stringify(resource, { lineWidth: 0 })).join('---\n');
}
