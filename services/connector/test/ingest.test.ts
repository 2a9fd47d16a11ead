import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Problem, PushAccepted } from '@songhua/contracts';
import { codeOf } from '@songhua/domain';
import { completedOf, createWorld, type Replica, type World, waitFor } from './world.js';

let world: World;
let replica: Replica;
beforeAll(async () => {
  world = await createWorld();
  replica = await world.replica();
});
afterAll(async () => {
  const objects: string[] = [];
  for await (const { key } of world.store.list('')) objects.push(key);
  await world.store.delete(objects);
  await world.close();
});

let objects = 0;
/** What the catalog service does with a body. */
async function push(connector: string, key: string, body: string | Buffer, through: Replica = replica, name = 'body') {
  const content = Buffer.from(body);
  const objectKey = `ingest/test/${objects++}`;
  await world.store.put(objectKey, content, 'application/octet-stream');
  const sha256 = createHash('sha256').update(content).digest('hex');
  const asked = { connector, key, sha256, bytes: content.length, objectKey, name };
  return through.call<PushAccepted & Problem>('/ingest', asked);
}
const syncOf = async (answer: ReturnType<typeof push>): Promise<string> => {
  const { status, body } = await answer;
  if (status !== 202) throw new Error(JSON.stringify(body));
  return body.sync;
};

test('the same key is the same sync, whatever is asked at once; other content under it conflicts', async () => {
  await world.register(replica, { keys: { kind: 'push', mode: 'append', config: {} } });
  const answers = await Promise.all(Array.from({ length: 5 }, () => push('keys', 'k1', 'id\n1\n')));
  expect(new Set(answers.map(({ status, body }) => `${status} ${body.sync} ${body.objectKey}`)).size).toBe(1);
  const sync = answers[0]?.body.sync ?? '';
  const { text, completed, details } = await completedOf(world, sync);
  expect(text).toBe('1\n');
  expect(completed).toMatchObject({ scope: 'part' });
  expect(details).toMatchObject({ files: [{ name: 'body', bytes: 5 }], cursor: { version: 1 } });
  const other = await push('keys', 'k1', 'id\n2\n');
  expect([other.status, other.body.code]).toEqual([409, 'ingest.key-reused']);
  expect(world.received.filter(({ envelope }) => envelope.sync === sync && envelope.sequence === 0)).toHaveLength(1);
});

test('a repeated request has the same answer when the connector was retired since, which takes nothing new', async () => {
  await world.register(replica, { past: { kind: 'push', mode: 'append', config: {} } });
  const sync = await syncOf(push('past', 'k1', 'id\n1\n'));
  await completedOf(world, sync);
  await replica.call('/connectors/past/retire', {});
  expect(await syncOf(push('past', 'k1', 'id\n1\n'))).toBe(sync);
  expect((await push('past', 'k1', 'id\n2\n')).body.code).toBe('ingest.key-reused');
  expect((await push('past', 'k2', 'id\n1\n')).body.code).toBe('connector.not-running');
});

test('what is sent while a sync runs is read in order of arrival, each with its own sync, and none is lost', async () => {
  await world.register(replica, { queue: { kind: 'push', mode: 'append', config: {} } });
  const syncs: string[] = [];
  for (let i = 0; i < 6; i++) syncs.push(await syncOf(push('queue', `k${i}`, `id\n${i}\n`)));
  const texts = await Promise.all(syncs.map(async (sync) => (await completedOf(world, sync)).text));
  // Nothing is published here, so each reads what came before it as well.
  expect(texts).toEqual(syncs.map((_, i) => Array.from({ length: i + 1 }, (__, n) => `${n}\n`).join('')));
});

test('records and deletes become operations; a key of one column may be sent as it is', async () => {
  const pushed = { kind: 'push', mode: 'merge' as const, config: {} };
  await world.register(replica, { records: pushed, nothing: pushed });
  await world.catalog.estate.apply(
    [
      {
        apiVersion: 'songhua/v1',
        kind: 'Dataset',
        metadata: { name: 'records' },
        spec: {
          title: 'records',
          department: 'education',
          domain: 'science',
          frequency: 'DAILY',
          primaryKey: ['id'],
          schemaPolicy: 'hold',
          guards: { maxShrink: 0.5, maxRejected: 0.1 },
        },
      },
    ],
    'test',
  );
  const both = '{"records":[{"name":"a","id":12345678901234567890},{"name":"b","id":2}],"deletes":[2,3]}';
  const { text, completed, details } = await completedOf(world, await syncOf(push('records', 'k1', both)));
  expect(completed.operations).toBe(true);
  expect(details.columns).toMatchObject([{ name: 'name' }, { name: 'id' }]);
  expect(text).toBe('-,,2\n-,,3\n+,a,12345678901234567890\n+,b,2\n');
  const packed = gzipSync('\uFEFF{"batch":{"records":"1"},"deletes":[7],"at":"now","records":[{"id":8,"name":"e"}]}');
  const gzip = await completedOf(world, await syncOf(push('records', 'k4', packed)));
  expect(gzip.text.endsWith('-,,7\n+,e,8\n')).toBe(true);
  const lines = await syncOf(push('records', 'k2', '{"id":9,"name":"c"}\n{"id":10,"name":"d"}\n'));
  expect((await completedOf(world, lines)).text.endsWith('+,c,9\n+,d,10\n')).toBe(true);
  const none = await world.ended(await syncOf(push('nothing', 'k3', '{"records":[],"deletes":[]}')));
  expect(none.reason).toMatchObject({ actor: 'department' });
});

test('content that cannot be read fails its own sync and keeps nothing back that came later', async () => {
  await world.register(replica, { poison: { kind: 'push', mode: 'append', config: {} } });
  const bad = await world.ended(await syncOf(push('poison', 'k1', '<!doctype html><html><body>log in</body></html>')));
  expect(bad).toMatchObject({ state: 'failed', reason: { actor: 'department' } });
  const good = await syncOf(push('poison', 'k2', 'id\n2\n'));
  expect((await completedOf(world, good)).text).toBe('2\n');
});

test('in mode full the last content is the whole table', async () => {
  await world.register(replica, { whole: { kind: 'push', mode: 'full', config: {} } });
  await syncOf(push('whole', 'k1', 'id\n1\n'));
  const { text, completed } = await completedOf(world, await syncOf(push('whole', 'k2', 'id\n2\n')));
  expect([text, completed.scope]).toEqual(['2\n', 'all']);
});

test('content that was taken is read by another replica when the first one ends at once', async () => {
  const first = await world.replica({ SONGHUA_SYNC_CONCURRENCY: '1' });
  await world.register(first, { crash: { kind: 'push', mode: 'append', config: {} } });
  const sync = await syncOf(push('crash', 'k1', 'id\n1\n', first));
  await first.stop();
  expect((await completedOf(world, sync)).text).toBe('1\n');
});

test('a connector of another kind, one that is not there and one that is retired take nothing', async () => {
  await world.register(replica, { other: {}, retired: { kind: 'push', config: {} } });
  const other = await push('other', 'k', 'id\n1\n');
  expect([other.status, other.body.code]).toEqual([422, 'ingest.not-push']);
  expect((await push('nobody', 'k', 'id\n1\n')).status).toBe(404);
  await replica.call('/connectors/retired/retire', {});
  const retired = await push('retired', 'k', 'id\n1\n');
  expect([retired.status, retired.body.code]).toEqual([409, 'connector.not-running']);
});

test('a sync that nobody pushed for finds nothing to read, and a lost object is told', async () => {
  await world.register(replica, { idle: { kind: 'push', mode: 'append', config: {} } });
  const [sync = ''] = await replica.syncNow('idle');
  expect((await world.ended(sync)).state).toBe('unchanged');
  const content = { sha256: 'a'.repeat(64), bytes: 1, objectKey: 'ingest/test/none', name: 'n' };
  const { body } = await replica.call<PushAccepted>('/ingest', { connector: 'idle', key: 'k', ...content });
  const lost = await waitFor(async () => {
    const found = await world.catalog.syncs.get(body.sync);
    return found?.state === 'failed' ? found : undefined;
  });
  expect(codeOf(lost.reason)).toBe('source.missing');
});
