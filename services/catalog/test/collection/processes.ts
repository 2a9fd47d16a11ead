import { randomBytes } from 'node:crypto';
import type { ConnectorRecord, RefreshContext, RejectedSummary, ReplayedRows, SyncRecord } from '@songhua/catalog';
import {
  claimOf,
  keys,
  type LandingManifest,
  type LaneReference,
  type Manifest,
  wireAttempt,
} from '@songhua/contracts';
import { codeOf, syncId } from '@songhua/domain';
import { commitManifest, readManifest, uploadVerified } from '@songhua/object-store';
import { type CollectionWorld, sha256 } from './world.js';

const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

/** What a source has when it is read. */
export interface Content {
  text: string;
  rejected: number;
  /** A person must decide. */
  held: boolean;
}

/** Work of one process of the services: it stops after each effect, and is killed by not being asked to go on. */
export type Process = AsyncGenerator<undefined, void>;

/** The effects of the services on bucket and catalog, in their order; what a source has is told by its sync. */
export function createProcesses(world: CollectionWorld) {
  const { catalog, store } = world;
  const contents = new Map<string, Content>();
  let slots = 0;
  const putText = (key: string, text: string) => store.put(key, Buffer.from(text), 'application/gzip');

  /** A replica reads the source, and landing lands it. */
  async function* read(sync: SyncRecord, turn: number): Process {
    const { text, rejected } = contents.get(sync.id) ?? { text: 'a', rejected: 0 };
    const attempt = wireAttempt(sync.attempt, turn);
    const ended = { id: sync.id, attempt: sync.attempt, state: 'delivered' as const, rows: 1 + rejected, bytes: 1 };
    await catalog.syncs.finish('test', [{ ...ended, rejected: 0 }]);
    yield;
    const parts: LandingManifest['parts'] = [];
    const of = { sync: sync.id, attempt, traceparent: sync.traceparent };
    for (const name of ['rows', 'details'] as const) {
      const key = keys.landingPart(sync.datasetId, of, name);
      await putText(key, text);
      parts.push({ key, kind: name, firstSequence: 0, lastSequence: 0, rows: 1, bytes: 1, sha256: sha256(text) });
      yield;
    }
    const manifest = keys.landingManifest(sync.datasetId, of);
    await putText(manifest, JSON.stringify({ parts }));
    yield;
    const claim = claimOf(attempt);
    await catalog.syncs.land(sync.id, { claim, attempt, manifest, rows: 1, rejected: 0, bytes: 1, content: text });
  }

  /** A worker refreshes what landed. */
  async function* refresh(reference: LaneReference): Process {
    const context = await catalog.refreshes.begin(reference);
    if (context.handled) return;
    yield;
    try {
      yield* refreshOnce(reference, context);
    } catch (error) {
      if (codeOf(error) !== 'version.conflict') throw error;
      yield* refresh(reference);
    }
  }

  async function* refreshOnce(reference: LaneReference, context: RefreshContext): Process {
    const { sync, dataset, current } = context;
    const told = sync.replay ? `${sync.replay.sync} replayed` : undefined;
    const content = sync.rollback
      ? await earlier(dataset.id, sync.rollback.version)
      : (contents.get(reference.sync) ?? { text: told ?? 'a', rejected: 0, held: false });
    let rejected: RejectedSummary = { count: 0, byCode: {} };
    let replayed: Omit<ReplayedRows, 'version'> | undefined;
    if (sync.replay) {
      const of = sync.replay.sync;
      const [passed, left] = [keys.replayed, keys.stillRejected].map((make) => make(dataset.id, of, sync.id)) as [
        string,
        string,
      ];
      await putText(passed, 'passed');
      yield;
      const remaining = ((await catalog.replays.source(of, sync.id))?.count ?? 1) - 1;
      if (remaining > 0) await putText(left, 'left');
      yield;
      const groups: ReplayedRows['remaining']['groups'] = [];
      replayed = {
        of,
        replayed: { count: 1, key: passed },
        remaining: { count: remaining, byCode: {}, groups, ...(remaining > 0 && { key: left }) },
      };
    } else if (content.rejected > 0) {
      const key = keys.rejected(dataset.id, sync.id);
      await putText(key, 'rejected');
      yield;
      rejected = { count: content.rejected, byCode: { 'cell.type': content.rejected }, key };
    }
    if (content.held && sync.approved.length === 0) {
      const reason = { code: 'guard.shrink', message: 'm', actor: 'department', retryable: false } as const;
      await catalog.refreshes.finish(reference, { sync: sync.id, state: 'held', reason }, { rejected });
      return;
    }
    const identity = `sha256:${sha256(content.text)}`;
    const cursor = { number: sync.number };
    if (current?.identity === identity) {
      const { version } = current;
      const ended = replayed ? { replayed: { ...replayed, version } } : { rejected, cursor };
      await catalog.refreshes.finish(reference, { sync: sync.id, state: 'unchanged', version }, ended);
      return;
    }
    const attempt = `${reference.attempt}-${randomBytes(6).toString('hex')}`;
    for (let version = (current?.version ?? 0) + 1; ; version++) {
      const files: Manifest['files'] = [];
      for (const name of ['data.parquet', 'changes.parquet']) {
        const key = keys.versionFile(dataset.id, version, attempt, name);
        files.push(await uploadVerified(store, { key, path: await world.file(content.text), mediaType: 'x', name }));
        yield;
      }
      const counts = { unchanged: 0, deduplicated: 0, deleted: 0, withheld: 0 };
      const manifest: Manifest = {
        schema: 'songhua.manifest/1',
        dataset: dataset.name,
        datasetId: dataset.id,
        version,
        identity,
        previous: current && { version: current.version, identity: current.identity },
        columns: [],
        primaryKey: [],
        rows: 1,
        counts: { ...counts, read: 1 + rejected.count, published: 1, rejected: rejected.count },
        changes: { added: 1, changed: 0, removed: 0 },
        files,
        source: { connector: sync.connector, sync: sync.id, number: sync.number, files: [], changedAt: null },
        cursor,
        createdAt: new Date().toISOString(),
        traceparent,
      };
      const committed = await commitManifest(store, manifest);
      yield;
      if (committed.outcome === 'other') continue;
      await catalog.refreshes.publish(committed.manifest, keys.manifest(dataset.id, version), rejected, {
        ...(replayed && { replayed: { ...replayed, version } }),
      });
      return;
    }
  }

  /** What an earlier version has, from its own file. */
  async function earlier(datasetId: string, version: number): Promise<Content> {
    const manifest = await readManifest(store, datasetId, version);
    const file = manifest?.files.find(({ name }) => name === 'data.parquet');
    if (!file) throw new Error(`version ${version} has no manifest`);
    return { text: (await store.readAll(file.key, 1_000_000)).toString(), rejected: 0, held: false };
  }

  /** Somebody pushes: the content is in the bucket before its sync is claimed. */
  async function* push(connector: ConnectorRecord, content: Content): Process {
    const objectKey = keys.pushed(connector.id, randomBytes(6).toString('hex'));
    await putText(objectKey, content.text);
    yield;
    const slot = `request:push-${++slots}`;
    contents.set(syncId(connector.name, slot), content);
    const pushed = { sha256: sha256(content.text), bytes: 1, objectKey, name: 'a.csv', by: 'test' };
    await catalog.ingests.accept({ connector, slot, full: false, traceparent }, pushed);
  }

  /** The catalog service renders a version on request. */
  async function* render(dataset: string, version: number): Process {
    const found = await catalog.estate.version(dataset, version);
    if (!found || found.removed) return;
    const key = `renders/${found.datasetId}/${version}/${randomBytes(6).toString('hex')}/data.csv`;
    await putText(key, 'rendered');
    yield;
    const file = { name: 'data.csv', key, mediaType: 'text/csv', bytes: 8, sha256: sha256('rendered') };
    await catalog.estate.recordRender(found, file);
  }

  return {
    read,
    refresh,
    push,
    render,
    async enqueue(connector: ConnectorRecord, content: Content): Promise<void> {
      const slot = `request:${++slots}`;
      contents.set(syncId(connector.name, slot), content);
      await catalog.syncs.enqueue([{ connector, slot, full: false, traceparent }]);
    },
    async replay(of: string, connector: string): Promise<void> {
      const slot = `replay:${++slots}`;
      await catalog.replays.open({ id: syncId(connector, slot), of, slot, codes: undefined, by: 'test', traceparent });
    },
    async rollBack(dataset: string, version: number): Promise<void> {
      const slot = `rollback:${++slots}`;
      const asked = { id: syncId(dataset, slot), dataset, version, slot, reason: 'r', by: 'test', traceparent };
      await catalog.rollbacks.open(asked);
    },
  };
}
