import { setTimeout as delay } from 'node:timers/promises';
import { type Collection, collectionSchema } from '@songhua/contracts';
import type { Command } from 'commander';
import { z } from 'zod';
import { type Api, isAway } from '../api.js';
import { action, EXIT } from '../exit.js';
import { bytes, count, printJson, table } from '../format.js';
import { createProgress, type Progress } from '../progress.js';
import { ANSWER_MS, waiting } from '../waiting.js';
import { connect } from './connection.js';

const POLL_MS = 500;

// Times arrive as text.
const shown = collectionSchema.extend({ startedAt: z.string(), endedAt: z.string().nullable() });
type Shown = z.infer<typeof shown>;

/** `gc`: removes what nothing names any more, or lists it. */
export function addGcCommand(program: Command): void {
  program
    .command('gc')
    .description('remove what nothing names any more, and what retention says / 清理')
    .option('--dry-run', 'list what would go and why; nothing is removed')
    .option('--last', 'show or follow the last one instead of beginning another')
    .option('--json')
    .action(
      action(async (o: { dryRun?: boolean; last?: boolean; json?: boolean }) => {
        const { api } = await connect();
        const progress = createProgress();
        const back = 'what was begun goes on; come back to it with: songhua gc --last';
        const ended = await waiting(api, { progress, back }, async (patient, signal) => {
          const once = api.within({ signal, timeoutMs: ANSWER_MS });
          const begun = o.last ? await last(patient) : await begin(once, patient, o.dryRun === true);
          return begun && follow(patient, begun, progress, signal);
        });
        if (!ended) {
          if (o.json) printJson(null);
          else console.log('nothing was collected yet');
          return EXIT.done;
        }
        if (o.json) printJson(ended);
        else for (const line of linesOf(ended)) console.log(line);
        return ended.state === 'done' ? EXIT.done : EXIT.failed;
      }),
    );
}

const last = async (api: Api): Promise<Shown | undefined> =>
  (await api.get('/api/v1/gc?limit=1', z.object({ items: z.array(shown) }))).items[0];

/** Begins a collection; where the answer was lost, the one that it may have begun is taken for it. */
async function begin(once: Api, patient: Api, dryRun: boolean): Promise<Shown> {
  const asked = { dryRun };
  try {
    return await once.post('/api/v1/gc', asked, shown);
  } catch (error) {
    if (!isAway(error)) throw error;
  }
  const found = await last(patient);
  return found?.state === 'running' && found.dryRun === dryRun ? found : patient.post('/api/v1/gc', asked, shown);
}

async function follow(api: Api, begun: Shown, progress: Progress, signal: AbortSignal): Promise<Shown> {
  let now = begun;
  while (now.state === 'running') {
    progress.update(now.dryRun ? 'listing' : 'collecting', now.stage);
    await delay(POLL_MS, undefined, { signal });
    now = await api.get(`/api/v1/gc/${begun.id}`, shown);
  }
  return now;
}

/** What a person is told: what went and why, what stayed, and what nobody knows. */
export function linesOf({ dryRun, report, problem }: Pick<Shown, 'dryRun' | 'report' | 'problem'>): string[] {
  const { removed, kept, reasons, trimmed, unknown, items, problems } = report;
  const lines: string[] = [];
  if (dryRun && items.length > 0)
    lines.push(
      table(
        ['what', 'why', 'bytes'],
        items.map(({ what, why, bytes: size }) => [what, why, bytes(size)]),
      ),
    );
  const kinds = [
    ...new Set([...Object.keys(kept), ...Object.keys(removed)]),
  ].sort() as (keyof Collection['report']['kept'])[];
  const size = (one: { objects: number; bytes: number } | undefined): string =>
    one ? `${count(one.objects)} (${bytes(one.bytes)})` : '-';
  lines.push(
    table(
      ['objects', 'kept', dryRun ? 'would go' : 'removed'],
      kinds.map((kind) => [kind, size(kept[kind]), size(removed[kind])]),
    ),
  );
  for (const [why, one] of Object.entries(reasons)) lines.push(`${why}: ${size(one)}`);
  const rows = Object.entries(trimmed).filter(([, n]) => n > 0);
  if (rows.length > 0)
    lines.push(
      `${dryRun ? 'would go' : 'gone'} from the catalog: ${rows.map(([what, n]) => `${count(n)} ${what}`).join(', ')}`,
    );
  if (unknown.objects > 0)
    lines.push(`${size(unknown)} of no known kind stay, the first: ${unknown.keys.slice(0, 5).join(', ')}`);
  lines.push(...problems);
  if (problem) lines.push(`${problem.code}: ${problem.message}`);
  return lines;
}
