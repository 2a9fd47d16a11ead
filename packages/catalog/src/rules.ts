import { type Cause, type DatasetSpec, type LaneReference, rulesHash } from '@songhua/contracts';
import { syncId } from '@songhua/domain';
import type { Query } from './revise.js';

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
  /** Connectors of which none brings everything, where there are several. */
  beside: string[] | null;
}

/** What a change of its rules does to a dataset's data. */
interface Effect {
  source: Source;
  /** What names the try: one is made for it, however often it is asked for. */
  slot: string;
  landed: boolean;
  read: boolean;
  retry: boolean;
  causes: Cause[];
}

/** `rulesHash` of a dataset as it is stored. Where two differ, rows are made in another way; refreshing by the same rules finds what is served. */
export function hashOfRules(spec: unknown): string {
  const { primaryKey = [], columns, blanks } = spec as Partial<DatasetSpec>;
  return rulesHash({ primaryKey, columns, blanks });
}

/** What changes of rules cause, by dataset; `kept` says whether a landing is still there. */
export async function effectsOfRules(
  query: Query,
  entries: { name: string; number: number }[],
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
    const there = source.landing !== null && (await kept(source.landing));
    const effect = { source, slot: `rules:${entry.number}`, ...waysOf(source, there), retry: source.held ?? false };
    const causes = causesOf(effect);
    if (causes.length > 0) effects.set(source.dataset, { ...effect, causes });
  }
  return effects;
}

/** How what is served can be made anew, if at all. `there`: what landed last is kept. */
function waysOf({ served, beside, approved, kind, mode }: Source, there: boolean): { landed: boolean; read: boolean } {
  const landed = served && there && !beside;
  // What was pushed in parts is not kept by its sender; what others brought would go with a read of everything.
  const again = approved && !beside && (kind !== 'push' || mode === 'full');
  return { landed, read: served && !landed && again };
}

function causesOf({ source, landed, read, retry }: Omit<Effect, 'causes' | 'slot'>): Cause[] {
  const { served, landedAt, connector, kind, beside } = source;
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
          : beside
            ? `有多个连接器，重新读取其一会丢失其余的数据，已发布的数据不变 ${beside.join(', ')} feed it together, and a read of everything of one would take away what the others brought: what is published stays as it is, and these rules hold for what comes from now on. ${byHand(beside, source.mode)}`
            : kind === 'push'
              ? `推送的数据要由来源全部重发 these rules hold for what is pushed to ${connector} from now on; push everything again to have them hold for what is published`
              : `连接器尚未批准，批准后按新规则生成数据 ${connector} is not approved: once it is, its data is made anew by these rules`,
    });
  if (retry)
    causes.push({
      code: 'refresh.retried',
      message: '等待决定的更新将按新规则重试 what waits for a decision is tried again by these rules',
    });
  return causes;
}

/** What makes all of it anew, where nothing does so by itself. */
const byHand = ([first, ...others]: string[], mode: string | null): string =>
  mode === 'append'
    ? `To make it anew: "songhua sync ${first} --full --reset --wait", then ${others.map((name) => `"songhua sync ${name} --full"`).join(', ')}`
    : 'To have them hold for all of it, feed it by one connector';

/** Begins what changes of rules cause, in the transaction that makes the changes; answers what lanes want to be told. */
export async function openRefreshes(
  query: Query,
  effects: Iterable<Omit<Effect, 'causes'>>,
  by: string,
): Promise<LaneReference[]> {
  const lanes: LaneReference[] = [];
  for (const { source, slot, landed, read, retry } of effects) {
    if (source.connector === null || !(landed || read || retry)) continue;
    const facts = { ...source, id: syncId(source.connector, slot), slot, landed, read, retry, by };
    const rows = await query<{ lane: LaneReference }>('rules_open', 'SELECT rules_open($1::jsonb) AS lane', [
      JSON.stringify(facts),
    ]);
    lanes.push(...rows.map(({ lane }) => lane));
  }
  return lanes;
}

/** Tries what changed rules caused again where it came to nothing: the rules by which a dataset is served are the evidence. */
export async function openDue(query: Query, firstSeconds: number): Promise<LaneReference[]> {
  const rows = await query<{ due: Source & { try: string } }>('rules_due', 'SELECT rules_due($1) AS due', [
    firstSeconds,
  ]);
  // A landing that is gone after all is found at the fetch.
  const effects = rows.map(({ due: { try: name, ...source } }) => ({
    source,
    slot: `rules:${name}`,
    ...waysOf(source, source.landing !== null),
    retry: false,
  }));
  return openRefreshes(query, effects, 'service:catalog');
}
