import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { keys, manifestSchema, rulesHash } from '@songhua/contracts';
import { type Harness, startHarness, traceparent } from './harness.js';

const id = { name: 'id', type: 'integer' as const };
const score = { name: 'score', type: 'decimal' as const };
const text = { name: 'score', type: 'string' as const };

let harness: Harness;
let catalog: Harness['catalog'];
let refresh: Harness['refresh'];
let applyDataset: Harness['applyDataset'];
let createSource: Harness['createSource'];

beforeAll(async () => {
  harness = await startHarness();
  ({ catalog, refresh, applyDataset, createSource } = harness);
}, 60_000);
afterAll(() => harness?.stop());

/** Applies other rules to a dataset and refreshes whatever that causes. */
async function change(name: string, more: Parameters<Harness['applyDataset']>[1]) {
  const { changes, lanes } = await applyDataset(name, more);
  const outcomes = [];
  for (const lane of lanes) outcomes.push(await refresh(lane));
  return { causes: (changes[0]?.causes ?? []).map(({ code }) => code), outcomes };
}
const rowsOf = async (name: string) => (await harness.published(name)).map((row) => Object.values(row));
const clocksOf = async (name: string) => {
  const entry = await catalog.estate.dataset(name, new Date());
  if (!entry) throw new Error(`there is no dataset ${name}`);
  const { checkedAt, dataChangedAt, sourceChangedAt } = entry.clocks;
  return { checkedAt, dataChangedAt, sourceChangedAt, version: entry.version };
};
const schemaOf = async (name: string) => (await catalog.estate.version(name, 'latest'))?.schema;

test('edited types, blanks, keys and titles make a version of what landed, though the source is as it was, and no clock moves', async () => {
  const { read } = await createSource('edited', 'full');
  await read(['1,90', '2,缺考', '2,70']);
  const before = await clocksOf('edited');
  const cursors = await catalog.connectors.cursors([(await catalog.connectors.get('edited'))?.id ?? '']);
  expect(await rowsOf('edited')).toEqual([
    [1, '90'],
    [2, '70'],
  ]);

  const blanks = { columns: [id, { ...score, blanks: ['缺考'] }] };
  expect(await change('edited', blanks)).toMatchObject({
    causes: ['refresh.landed'],
    outcomes: [{ state: 'published', version: 2 }],
  });
  expect(await rowsOf('edited')).toEqual([
    [1, '90'],
    [2, null],
  ]);
  expect(await change('edited', { columns: [id, text] })).toMatchObject({
    outcomes: [{ state: 'published', version: 3 }],
  });
  expect(await rowsOf('edited')).toEqual([
    [1, '90'],
    [2, '缺考'],
  ]);
  const keyed = { columns: [id, text], primaryKey: ['id', 'score'] };
  expect(await change('edited', keyed)).toMatchObject({ outcomes: [{ state: 'published', version: 4 }] });
  expect(await rowsOf('edited')).toHaveLength(3);
  const titled = { ...keyed, columns: [{ ...id, title: '编号' }, text] };
  expect(await change('edited', titled)).toMatchObject({ outcomes: [{ state: 'published', version: 5 }] });
  expect(await schemaOf('edited')).toMatchObject({ columns: [{ name: 'id', title: '编号' }, { name: 'score' }] });
  expect(await change('edited', keyed)).toMatchObject({ outcomes: [{ state: 'published', version: 6 }] });
  expect((await schemaOf('edited'))?.columns[0]).not.toHaveProperty('title');

  expect(await clocksOf('edited')).toEqual({ ...before, version: 6 });
  expect(await catalog.connectors.cursors([(await catalog.connectors.get('edited'))?.id ?? ''])).toEqual(cursors);
  const { manifestKey } = (await catalog.estate.version('edited', 'latest')) ?? { manifestKey: '' };
  const manifest = manifestSchema.parse(JSON.parse((await harness.store.readAll(manifestKey, 1 << 20)).toString()));
  expect(manifest.rules).toBe(rulesHash(keyed));
});

test('the same rules in another order, other guards and what a first version declares cause nothing', async () => {
  const { read } = await createSource('same', 'full');
  expect(await applyDataset('same', { columns: [id, text] })).toMatchObject({ changed: 1, lanes: [] });
  await applyDataset('same', { columns: [id, score] });
  await read(['1,90']);
  expect(await change('same', { columns: [score, { ...id, required: false }] })).toEqual({ causes: [], outcomes: [] });
  expect(await change('same', { guards: { maxShrink: 0.1, maxRejected: 1 } })).toEqual({ causes: [], outcomes: [] });
  expect(await change('same', { columns: [id, text] })).toMatchObject({ causes: ['refresh.landed'] });
  expect(await change('same', { columns: [id, text] })).toEqual({ causes: [], outcomes: [] });
});

test('what is served is confirmed once all of it was made by the rules that are declared', async () => {
  const inSync = async (name: string) => (await catalog.estate.dataset(name, new Date()))?.inSync;
  const whole = await createSource('whole', 'full');
  await whole.read(['1,90']);
  const { lanes } = await applyDataset('whole', { columns: [id, { ...score, blanks: ['缺考'] }] });
  expect(await inSync('whole')).toBe('differs');
  // The data is the same by these rules.
  expect(lanes[0] && (await refresh(lanes[0]))).toMatchObject({ state: 'unchanged' });
  expect(await inSync('whole')).toBe('confirmed');

  const parts = await createSource('parts', 'append');
  await parts.read(['1,90']);
  await applyDataset('parts', { columns: [id, text] });
  const { landed } = await parts.landQueued(['1,90', '2,缺考']);
  expect(await inSync('parts')).toBe('differs');
  expect(await refresh(landed)).toMatchObject({ state: 'published' });
  expect(await inSync('parts')).toBe('confirmed');
});

test('a plan tells what would be caused, and causes nothing', async () => {
  const { read } = await createSource('planned', 'full');
  const { sync } = await read(['1,90']);
  const edited = { columns: [id, text] };
  const plan = await applyDataset('planned', edited, { dryRun: true });
  expect(plan).toMatchObject({ lanes: [], changes: [{ causes: [{ code: 'refresh.landed' }] }] });
  expect(plan.changes[0]?.causes?.[0]?.message).toMatch(/from what landed at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  const gone = await applyDataset('planned', edited, { dryRun: true, kept: async () => false });
  expect(gone.changes).toMatchObject([{ causes: [{ code: 'refresh.read' }] }]);
  expect(await catalog.syncs.list({ connector: 'planned', limit: 9, offset: 0 })).toMatchObject([{ id: sync }]);
});

test('rules by which half of the rows are rejected are held, and the reason says that the rules did it', async () => {
  const guards = { maxShrink: 0.9, maxRejected: 0.1 };
  const { read } = await createSource('guarded', 'full', { columns: [id, text], guards });
  await read(['1,甲', '2,70']);
  const { outcomes } = await change('guarded', { columns: [id, score], guards });
  expect(outcomes).toMatchObject([{ state: 'held', reason: { code: 'guard.rejected' } }]);
  expect(outcomes[0]?.reason?.message).toContain("the dataset's rules were changed");
  expect(await clocksOf('guarded')).toMatchObject({ version: 1 });
  const sync = outcomes[0]?.sync ?? '';
  const decided = await catalog.holds.decide(sync, { approved: true, reason: 'meant', by: 'key:test' });
  expect(await refresh(decided?.lane ?? { sync, datasetId: '', attempt: 1, bytes: 0 })).toMatchObject({
    state: 'published',
  });
  expect(await rowsOf('guarded')).toEqual([[2, '70']]);
  expect(await catalog.estate.quarantined(sync)).toMatchObject({ count: 1 });
});

test('a read that is held by rules that were changed since the served version says so, and one by the same rules does not', async () => {
  const { read, land } = await createSource('declared', 'full');
  await read(['1,90']);
  const more = { columns: [id, score, { name: 'grade', type: 'integer' as const }] };
  const { outcomes } = await change('declared', more);
  expect(outcomes).toMatchObject([{ state: 'held' }]);
  const again = await refresh(await land(['1,90']));
  expect(again).toMatchObject({ state: 'held', reason: { code: outcomes[0]?.reason?.code } });
  expect(again.reason?.message).toContain("the dataset's rules were changed since the version that is served");

  const other = await createSource('shrunk', 'full');
  await other.read(['1,90', '2,80', '3,70']);
  const shrunk = await refresh(await other.land(['1,90']));
  expect(shrunk).toMatchObject({ state: 'held', reason: { code: 'guard.shrink' } });
  expect(shrunk.reason?.message).not.toContain('rules');
});

test('what is held for a decision is tried again by changed rules', async () => {
  const guards = { maxShrink: 0.9, maxRejected: 0.1 };
  const { land } = await createSource('first', 'full', { guards });
  const landed = await land(['1,甲', '2,70']);
  expect(await refresh(landed)).toMatchObject({ state: 'held' });
  expect(await change('first', { columns: [id, text], guards })).toEqual({
    causes: ['refresh.retried'],
    outcomes: [{ sync: landed.sync, state: 'published', version: 1 }],
  });
  expect(await rowsOf('first')).toHaveLength(2);
});

test('a read that comes first takes the new rules and its own rows, and what it made is not undone', async () => {
  const { read, land } = await createSource('overtaken', 'full');
  await read(['1,90']);
  const later = await land(['1,95', '2,80']);
  const { lanes } = await applyDataset('overtaken', { columns: [id, text] });
  expect(await refresh(later)).toMatchObject({ state: 'published', version: 2 });
  expect(await refresh(lanes[0] ?? later)).toMatchObject({ state: 'unchanged', version: 2 });
  expect(await rowsOf('overtaken')).toEqual([
    [1, '95'],
    [2, '80'],
  ]);
});

/** What landed of a sync is as another claim of its slot left it. */
async function replace(manifestKey: string): Promise<void> {
  const manifest = JSON.parse((await harness.store.readAll(manifestKey, 1 << 20)).toString());
  const other = { ...manifest, traceparent: traceparent.replace('0af7', '1bf8') };
  await harness.store.put(manifestKey, Buffer.from(JSON.stringify(other)), 'application/json');
}

test.each([
  ['gone', (manifestKey: string) => harness.store.delete([manifestKey])],
  ['replaced', replace],
])('where what landed is %s, the source is read anew, all of it', async (name, befall) => {
  const { read, landQueued } = await createSource(name, 'full');
  const { sync, datasetId } = await read(['1,90']);
  await befall(keys.landingManifest(datasetId, { sync, attempt: 1, traceparent }));
  const { outcomes } = await change(name, { columns: [id, text] });
  expect(outcomes).toMatchObject([{ state: 'superseded' }]);
  const read2 = await landQueued(['1,90']);
  expect(read2.sync).toMatchObject({ full: true, purpose: 'read' });
  expect(await refresh(read2.landed)).toMatchObject({ state: 'published', version: 2 });
  expect((await schemaOf(name))?.columns[1]).toMatchObject({ type: 'string' });
});

test('a landing that the collector was given is not counted on', async () => {
  const { read, landQueued } = await createSource('collected', 'full');
  await read(['1,90']);
  const { sync } = await read(['1,91']);
  expect(
    await catalog.collection.releaseLandings([sync], { before: new Date(Date.now() + 60_000), kept: 0 }),
  ).toContain(sync);
  expect(await change('collected', { columns: [id, text] })).toEqual({ causes: ['refresh.read'], outcomes: [] });
  expect((await landQueued(['1,91'])).sync).toMatchObject({ full: true });
});

test('a dataset that is read in parts is read anew as a whole, and one that is pushed says that nothing can be', async () => {
  for (const [mode, reset] of [
    ['merge', false],
    ['append', true],
  ] as const) {
    const { read, landQueued } = await createSource(mode, mode);
    await read(['1,90']);
    await read(['2,80']);
    expect(await change(mode, { columns: [id, text] })).toEqual({ causes: ['refresh.read'], outcomes: [] });
    const { sync, landed } = await landQueued(['1,90', '2,80']);
    expect(sync).toMatchObject({ full: true, reset });
    expect(await refresh(landed)).toMatchObject({ state: 'published', version: 3 });
    expect(await schemaOf(mode)).toMatchObject({ columns: [{}, { type: 'string' }] });
  }
  const { read } = await createSource('pushed', 'merge', {}, 'push');
  await read(['1,90']);
  expect(await change('pushed', { columns: [id, text] })).toEqual({ causes: ['refresh.none'], outcomes: [] });
});
