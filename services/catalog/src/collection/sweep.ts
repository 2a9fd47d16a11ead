import { KEY_PREFIXES, type ParsedKey, parseKey } from '@songhua/contracts';
import type { ObjectInfo, ObjectStore } from '@songhua/object-store';
import { judgeVersions } from './judge-versions.js';
import { type Candidate, type JudgeDeps, judgeLandings, judgePushes, judgeRejected, judgeRenders } from './judges.js';
import type { Tally } from './tally.js';

// What a sweep holds in memory, and what the catalog is asked at once: S3 lists and removes as many at a time.
const PAGE = 1000;

export interface SweepDeps extends JudgeDeps {
  store: Pick<ObjectStore, 'list' | 'delete' | 'readAll' | 'stat'>;
  tally: Tally;
  /** Called after each page; throws to stop. */
  told(stage: string): Promise<void>;
}

/**
 * Looks at every object of the bucket, a page at a time: what is old enough is judged by the catalog and by manifests, and what nothing needs goes
 * at once, so that there is no list of marks that could be outdated.
 */
export async function sweep(deps: SweepDeps): Promise<void> {
  for (const prefix of KEY_PREFIXES) {
    let page: ObjectInfo[] = [];
    const flush = async (): Promise<void> => {
      await sweepPage(deps, page);
      page = [];
      await deps.told(`${prefix} ${deps.tally.seen} objects`);
    };
    for await (const object of deps.store.list(prefix)) {
      page.push(object);
      if (page.length === PAGE) await flush();
    }
    if (page.length > 0) await flush();
  }
}

async function sweepPage(deps: SweepDeps, page: ObjectInfo[]): Promise<void> {
  const { tally } = deps;
  const of: { [K in ParsedKey['kind']]: Candidate<K>[] } = {
    push: [],
    landing: [],
    'version-file': [],
    'version-manifest': [],
    rejected: [],
    render: [],
    'audit-head': [],
  };
  for (const object of page) {
    const is = parseKey(object.key);
    if (!is) tally.unknown(object);
    else if (is.kind === 'audit-head' || object.modifiedAt > deps.grace) tally.kept(is.kind, object);
    else (of[is.kind] as Candidate[]).push({ object, is });
  }
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
  for (const { object, is } of Object.values(of).flat() as Candidate[]) {
    const why = verdicts.get(object.key);
    if (why === undefined) tally.kept(is.kind, object);
    else tally.removed(is.kind, object, why);
  }
  // A manifest goes with the first of its files, which another page may have.
  const listed = new Set(page.map(({ key }) => key));
  for (const manifest of versions.manifests)
    if (!listed.has(manifest.key)) tally.removed('version-manifest', manifest, 'manifest.orphaned');
}
