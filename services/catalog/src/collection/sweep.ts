import { KEY_PREFIXES, type ParsedKey, parseKey } from '@songhua/contracts';
import { reasonOf } from '@songhua/domain';
import type { ObjectInfo, ObjectStore } from '@songhua/object-store';
import { judgeVersions } from './judge-versions.js';
import { type AgedObject, type JudgeDeps, judgeLandings, judgePushes, judgeRejected, judgeRenders } from './judges.js';
import type { Tally } from './tally.js';

// What a sweep holds in memory, and what the catalog is asked at once: S3 lists and removes as many at a time.
const PAGE = 1000;

export interface SweepDeps extends JudgeDeps {
  store: Pick<ObjectStore, 'list' | 'delete' | 'readAll' | 'stat'>;
  tally: Tally;
  /** Called after each page; throws to stop. */
  told(stage: string): Promise<void>;
}

// Parts of pages that failed one after another, down to single objects: by then it is not the objects.
const MOST_FAILED = 25;

type Aged = { [K in ParsedKey['kind']]: AgedObject<K>[] };

/**
 * Looks at every object of the bucket, a page at a time: what is old enough is judged by the catalog and by manifests, and what nothing needs goes
 * at once, so that there is no list of marks that could be outdated. An object that cannot be judged stays and is told as a problem; throws
 * what was thrown when that is so of one after another.
 */
export async function sweep(deps: SweepDeps): Promise<void> {
  const failed = { inARow: 0 };
  for (const prefix of KEY_PREFIXES) {
    const stage = (): string => `${prefix} ${deps.tally.seen} objects`;
    let page: ObjectInfo[] = [];
    const flush = async (): Promise<void> => {
      const listed = new Set(page.map(({ key }) => key));
      await sweepAged(deps, agedOf(deps, page), { listed, failed, stage });
      page = [];
      await deps.told(stage());
    };
    for await (const object of deps.store.list(prefix)) {
      page.push(object);
      if (page.length === PAGE) await flush();
    }
    if (page.length > 0) await flush();
  }
}

/** Of a page, what is known and old enough to go. */
function agedOf({ tally, grace }: SweepDeps, page: ObjectInfo[]): AgedObject[] {
  const aged: AgedObject[] = [];
  for (const object of page) {
    const is = parseKey(object.key);
    if (!is) tally.unknown(object);
    else if (is.kind === 'audit-head' || object.modifiedAt > grace) tally.kept(is.kind, object);
    else aged.push({ object, is });
  }
  return aged;
}

/** Halves what fails, so that one object that cannot be judged keeps no other. */
async function sweepAged(
  deps: SweepDeps,
  aged: AgedObject[],
  of: { listed: ReadonlySet<string>; failed: { inARow: number }; stage: () => string },
): Promise<void> {
  if (aged.length === 0) return;
  try {
    await removeUnneeded(deps, aged, of.listed);
    of.failed.inARow = 0;
    return;
  } catch (error) {
    if (++of.failed.inARow > MOST_FAILED) throw error;
    const [only] = aged;
    if (aged.length === 1 && only) {
      deps.tally.kept(only.is.kind, only.object);
      const { code, message } = reasonOf(error);
      deps.problem(
        `${only.object.key} could not be judged (${code}: ${message}) and stays; the next collection tries again`,
      );
      return;
    }
  }
  // Half a minute may have passed with each.
  await deps.told(of.stage());
  const half = Math.ceil(aged.length / 2);
  await sweepAged(deps, aged.slice(0, half), of);
  await sweepAged(deps, aged.slice(half), of);
}

async function removeUnneeded(deps: SweepDeps, aged: AgedObject[], listed: ReadonlySet<string>): Promise<void> {
  const { tally } = deps;
  const of: Aged = {
    push: [],
    landing: [],
    'version-file': [],
    'version-manifest': [],
    rejected: [],
    render: [],
    'audit-head': [],
  };
  for (const one of aged) (of[one.is.kind] as AgedObject[]).push(one);
  const versions = await judgeVersions(deps, [...of['version-file'], ...of['version-manifest']]);
  const verdicts = new Map([
    ...versions.verdicts,
    ...(await judgeLandings(deps, of.landing)),
    ...(await judgeRejected(deps, of.rejected)),
    ...(await judgeRenders(deps, of.render)),
    ...(await judgePushes(deps, of.push)),
  ]);
  if (!deps.dryRun) {
    const first = versions.manifests.map(({ key }) => key);
    await deps.store.delete(first);
    await deps.store.delete([...verdicts.keys()].filter((key) => !first.includes(key)));
  }
  for (const { object, is } of aged) {
    const why = verdicts.get(object.key);
    if (why === undefined) tally.kept(is.kind, object);
    else tally.removed(is.kind, object, why);
  }
  // A manifest goes with the first of its files, which another page may have.
  for (const manifest of versions.manifests)
    if (!listed.has(manifest.key)) tally.removed('version-manifest', manifest, 'manifest.orphaned');
}
