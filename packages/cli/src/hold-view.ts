import { z } from 'zod';
import { bytes, count, table } from './format.js';

/** A hold as `holds list` and `holds show` read it of the API. */
export const holdSchema = z.looseObject({
  id: z.string(),
  connector: z.string(),
  dataset: z.string(),
  purpose: z.string(),
  rows: z.int(),
  bytes: z.int(),
  rejected: z.int(),
  queuedAt: z.string(),
  refresh: z
    .looseObject({ reason: z.looseObject({ code: z.string(), message: z.string(), actor: z.string() }).nullable() })
    .nullable(),
});
type Hold = z.infer<typeof holdSchema>;

const PURPOSES: Record<string, string> = {
  read: 'a read of the source',
  backfill: 'a backfill',
  replay: 'rejected rows read again',
  rollback: 'a rollback to an earlier version',
  rules: 'changed rules, by which what landed is made anew',
};

/** The commands for whoever decides on a hold. */
export const decisionShown = (sync: string): string[] => [
  `see why: songhua holds show ${sync}`,
  `decide:  songhua holds decide ${sync} --approve --reason TEXT, or --reject --reason TEXT`,
];

/** One line about refreshes that wait beside what was asked for. */
export function waitingHolds(holds: { sync: string; code: string; dataset?: string }[]): string {
  const said =
    holds.length === 1 ? '1 refresh waits for a decision' : `${count(holds.length)} refreshes wait for a decision`;
  return `${said}: ${holds
    .slice(0, 5)
    .map(
      ({ sync, code, dataset }) => `${dataset === undefined ? '' : `${dataset} `}${code}, songhua holds show ${sync}`,
    )
    .join('; ')}${holds.length > 5 ? '; all: songhua holds list' : ''}`;
}

/** A hold for the terminal: what waits, why, and how to decide. */
export function holdView(hold: Hold): string {
  const reason = hold.refresh?.reason;
  const facts: [string, string][] = [
    ['sync', hold.id],
    ['dataset', hold.dataset],
    ['connector', hold.connector],
    ['made by', PURPOSES[hold.purpose] ?? hold.purpose],
    ['requested', hold.queuedAt],
    ['read', `${count(hold.rows)} rows, ${bytes(hold.bytes)}, ${count(hold.rejected)} rejected by the reader`],
    ['code', reason?.code ?? '-'],
    ['who acts', reason?.actor ?? '-'],
    ['why', reason?.message ?? '-'],
  ];
  const quarantine = reason?.code === 'guard.rejected' ? [`rejected rows: songhua quarantine show ${hold.id}`] : [];
  return [table(['', ''], facts), ...quarantine, ...decisionShown(hold.id)].join('\n');
}
