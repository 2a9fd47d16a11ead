import { type Cause, type DatasetSpec, type LaneReference, rulesHash } from '@songhua/contracts';
import { syncId } from '@songhua/domain';
import type { Entry, Query } from './revise.js';

/** What a dataset can be made anew of, as `rules_sources` of the database gives it. */
interface Source {
  dataset: string;
  connectorId: string | null;
  connector: string | null;
  kind: string | null;
  mode: string | null;
  /** Its connector is approved; a paused or suspended one still runs when somebody asks. */
  approved: boolean;
  /** There is a version, or is about to be. */
  served: boolean;
  /** A read waits for a decision that other rules may settle. */
  held: boolean | null;
  landing: string | null;
  landedAt: string | null;
}

/** What a change of its rules does to a dataset's data. */
interface Effect {
  source: Source;
  entry: Entry;
  landed: boolean;
  read: boolean;
  retry: boolean;
  causes: Cause[];
}

/** Whether rows would be made of what comes in another way. Refreshing by the same rules finds what is served. */
export const rulesDiffer = (before: unknown, now: unknown): boolean => hashOf(before) !== hashOf(now);

function hashOf(spec: unknown): string {
  const { primaryKey = [], columns, blanks } = spec as Partial<DatasetSpec>;
  return rulesHash({ primaryKey, columns, blanks });
}

/** What changes of rules cause, by dataset; `kept` says whether a landing is still there. */
export async function effectsOfRules(
  query: Query,
  entries: Entry[],
  kept: (landing: string) => Promise<boolean> = async () => true,
): Promise<Map<string, Effect>> {
  if (entries.length === 0) return new Map();
  const rows = await query<{ source: Source }>('rules_sources', 'SELECT rules_sources($1::text[]) AS source', [
    entries.map(({ name }) => name),
  ]);
  const effects = new Map<string, Effect>();
  for (const { source } of rows) {
    const entry = entries.find(({ name }) => name === source.dataset);
    if (!entry) continue;
    const landed = source.served && source.landing !== null && (await kept(source.landing));
    // What was pushed in parts is not kept by its sender.
    const again = source.approved && (source.kind !== 'push' || source.mode === 'full');
    const effect = { source, entry, landed, read: source.served && !landed && again, retry: source.held ?? false };
    const causes = causesOf(effect);
    if (causes.length > 0) effects.set(source.dataset, { ...effect, causes });
  }
  return effects;
}

function causesOf({ source, landed, read, retry }: Omit<Effect, 'causes'>): Cause[] {
  const { served, landedAt, connector, kind } = source;
  const causes: Cause[] = [];
  if (landed && landedAt !== null)
    causes.push({
      code: 'refresh.landed',
      message: `数据将按新规则由已落地的原始数据重新生成 its data is made anew by these rules, from what landed at ${new Date(landedAt).toISOString()}`,
    });
  if (read)
    causes.push({
      code: 'refresh.read',
      message: `将重新读取来源，按新规则生成数据 its source is read anew by ${connector}, and its data is made by these rules`,
    });
  if (served && !landed && !read)
    causes.push({
      code: 'refresh.none',
      message:
        connector === null
          ? '没有连接器可重新读取，已发布的数据不变 it has no connector that could read anew, so what is published stays as it is'
          : kind === 'push'
            ? `推送的数据要由来源全部重发 these rules hold for what is pushed to ${connector} from now on; push everything again to have them hold for what is published`
            : `连接器尚未批准 ${connector} is not approved: once it is, read everything with "songhua sync ${connector} --full"`,
    });
  if (retry)
    causes.push({
      code: 'refresh.retried',
      message: '等待决定的更新将按新规则重试 what waits for a decision is tried again by these rules',
    });
  return causes;
}

/** Begins what changes of rules cause, in the transaction that makes the changes; answers what lanes want to be told. */
export async function openRefreshes(query: Query, effects: Iterable<Effect>, by: string): Promise<LaneReference[]> {
  const lanes: LaneReference[] = [];
  for (const { source, entry, landed, read, retry } of effects) {
    if (source.connector === null || !(landed || read || retry)) continue;
    const slot = `rules:${entry.number}`;
    const facts = { ...source, id: syncId(source.connector, slot), slot, landed, read, retry, by };
    const rows = await query<{ lane: LaneReference }>('rules_open', 'SELECT rules_open($1::jsonb) AS lane', [
      JSON.stringify(facts),
    ]);
    lanes.push(...rows.map(({ lane }) => lane));
  }
  return lanes;
}
