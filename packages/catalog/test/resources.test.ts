import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type ConnectorResource, type EstateResource, resourceSchema, toDocument } from '@songhua/contracts';
import { COLUMN_TYPES, FREQUENCIES, SCHEMA_POLICIES } from '@songhua/domain';
import fc from 'fast-check';
import pg from 'pg';
import { type Catalog, createCatalog } from '../src/index.js';
import { createTestDatabase, type TestDatabase } from '../src/testing.js';
import { applyEstate, deliver, landed, manifestKey, manifestOf, NO_REJECTED, OPERATOR, publish } from './estate.js';

let database: TestDatabase;
let catalog: Catalog;
let client: pg.Client;
beforeAll(async () => {
  database = await createTestDatabase();
  catalog = createCatalog({ databaseUrl: database.url, poolSize: 4 });
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await applyEstate(catalog, 6, 2);
});
afterAll(async () => {
  await client.end();
  await catalog.close();
  await database.drop();
});

const MEMBER = { name: 'key:member', mayApprove: false };
const apiVersion = 'songhua/v1';
const dataset = (name: string, spec: object = {}, metadata: object = {}): EstateResource =>
  resourceSchema.parse({
    apiVersion,
    kind: 'Dataset',
    metadata: { name, ...metadata },
    spec: { title: '数据', department: 'bureau-0', domain: 'health', ...spec },
  }) as EstateResource;
const connector = (name: string, spec: object = {}, metadata: object = {}): ConnectorResource =>
  resourceSchema.parse({
    apiVersion,
    kind: 'Connector',
    metadata: { name: `data-${name}-files`, ...metadata },
    spec: { dataset: `data-${name}`, kind: 'file', config: { path: `data-${name}.csv` }, ...spec },
  }) as ConnectorResource;
const audited = async (subject: string) =>
  (await client.query('SELECT actor, action, detail FROM audit WHERE subject = $1 ORDER BY sequence', [subject])).rows;

describe('a change of a resource', () => {
  test("that is only for what is a department's takes nothing from another, though it came into being a moment ago", async () => {
    await catalog.estate.apply([dataset('theirs')], 'alice');
    await catalog.connectors.apply([connector('theirs', { dataset: 'theirs' })], OPERATOR);
    const of = 'bureau-1';
    const forbidden = { code: 'access.forbidden' };
    const mine = dataset('mine', { department: of });
    for (const resource of [
      dataset('theirs', { department: of }),
      dataset('new-theirs'),
      { apiVersion, kind: 'Department', metadata: { name: of }, spec: { title: '改名' } } as EstateResource,
    ])
      await expect(catalog.estate.apply([mine, resource], 'eve', { of })).rejects.toMatchObject(forbidden);
    expect(await catalog.resources.get('Dataset', 'mine', 'latest')).toBeUndefined();
    expect(await catalog.estate.apply([mine], 'eve', { of })).toMatchObject({ created: 1 });
    for (const resource of [
      connector('theirs', { dataset: 'mine' }),
      connector('theirs', { dataset: 'theirs' }),
      connector('new', { dataset: 'theirs' }),
    ])
      await expect(catalog.connectors.apply([resource], MEMBER, { of })).rejects.toMatchObject(forbidden);
    expect(await catalog.connectors.apply([connector('mine', { dataset: 'mine' })], MEMBER, { of })).toMatchObject({
      created: 1,
    });
  });

  test('is a revision with author and difference, in the same transaction as its audit row; no change is none', async () => {
    expect(await catalog.estate.apply([dataset('revised')], 'alice')).toMatchObject({
      created: 1,
      changes: [{ revision: 1 }],
    });
    expect(await catalog.estate.apply([dataset('revised')], 'bob')).toMatchObject({ unchanged: 1, changes: [] });
    const changed = await catalog.estate.apply(
      [dataset('revised', { frequency: 'DAILY' }, { labels: { a: 'b' } })],
      'bob',
    );
    const differences = [
      { path: 'spec.frequency', before: 'UNKNOWN', after: 'DAILY' },
      { path: 'metadata.labels.a', after: 'b' },
    ];
    expect(changed.changes).toMatchObject([
      { kind: 'Dataset', name: 'revised', change: 'change', revision: 2, differences },
    ]);
    expect(await catalog.resources.revisions('Dataset', 'revised')).toMatchObject([
      { revision: 2, action: 'change', author: 'bob', differences },
      { revision: 1, action: 'create', author: 'alice', spec: { title: '数据' } },
    ]);
    expect(await audited('Dataset/revised')).toMatchObject([
      { actor: 'alice', action: 'create', detail: { revision: 1 } },
      { actor: 'bob', action: 'change', detail: { revision: 2, fields: ['spec.frequency', 'metadata.labels.a'] } },
    ]);
  });

  test('that is only tried changes nothing', async () => {
    const tried = await catalog.estate.apply([dataset('tried')], 'alice', { dryRun: true });
    expect(tried).toMatchObject({ created: 1, changes: [{ name: 'tried', change: 'create' }] });
    expect(await catalog.resources.get('Dataset', 'tried', 'approved')).toBeUndefined();
    expect(await catalog.resources.revisions('Dataset', 'tried')).toEqual([]);
  });

  test('based on an old revision conflicts, names who changed it, and nothing of the call stays', async () => {
    await catalog.estate.apply([dataset('contested')], 'alice');
    await catalog.estate.apply([dataset('contested', { title: '新' })], 'bob');
    const late = catalog.estate.apply(
      [dataset('contested', { title: '旧' }, { revision: 1 }), dataset('beside')],
      'carol',
    );
    await expect(late).rejects.toMatchObject({
      code: 'resource.conflict',
      message: expect.stringMatching(/bob .*revision 1/s),
    });
    expect(await catalog.resources.get('Dataset', 'beside', 'approved')).toBeUndefined();
    const shown = await catalog.resources.get('Dataset', 'contested', 'approved');
    expect(shown?.metadata.revision).toBe(2);
    expect(await catalog.estate.apply([dataset('contested', { title: '旧' }, { revision: 2 })], 'carol')).toMatchObject(
      { changed: 1 },
    );
  });

  test('by many at once leaves no gap and no revision twice', async () => {
    await Promise.all(
      Array.from({ length: 8 }, (_, i) => catalog.estate.apply([dataset('busy', { title: `t${i}` })], `author-${i}`)),
    );
    const revisions = await catalog.resources.revisions('Dataset', 'busy');
    expect(revisions.map(({ revision }) => revision)).toEqual([8, 7, 6, 5, 4, 3, 2, 1]);
  });

  test('that names what does not exist says which resource, field and name, all at once', async () => {
    const wrong = catalog.estate.apply([dataset('lost', { department: 'nobody', domain: 'nothing' })], 'alice');
    await expect(wrong).rejects.toMatchObject({
      code: 'catalog.reference',
      details: {
        errors: [
          { path: 'Dataset/lost spec.department', message: 'there is no Department nobody' },
          { path: 'Dataset/lost spec.domain', message: 'there is no Domain nothing' },
        ],
      },
    });
  });
});

describe('a deletion', () => {
  test('is refused while others depend on the resource, and names them', async () => {
    await expect(catalog.estate.delete('Domain', 'health', 'alice')).rejects.toMatchObject({
      code: 'resource.in-use',
      details: { dependents: expect.arrayContaining(['Dataset/data-0']) },
    });
    await expect(catalog.estate.delete('Dataset', 'data-5', 'alice')).rejects.toMatchObject({
      details: { dependents: ['Connector/data-5-files'] },
    });
  });

  test('of a dataset that was never published takes what its deleted connectors left, and it can come back', async () => {
    const [record] = await catalog.connectors.list({ names: ['data-5-files'] });
    if (record) await deliver(catalog, record, 'request:before');
    await catalog.connectors.delete('data-5-files', 'alice');
    expect(await catalog.estate.delete('Dataset', 'data-5', 'alice')).toBe(true);
    expect(await catalog.estate.delete('Dataset', 'data-5', 'alice')).toBe(false);
    await catalog.estate.apply([dataset('data-5')], 'bob', { rollback: true });
    expect(
      (await catalog.resources.revisions('Dataset', 'data-5')).map(({ action, revision }) => [revision, action]),
    ).toEqual([
      [3, 'rollback'],
      [2, 'delete'],
      [1, 'create'],
    ]);
  });

  test('of a published dataset is refused: its versions stay', async () => {
    const [record] = await catalog.connectors.list({ names: ['data-4-files'] });
    if (record) await publish(catalog, record, 'request:published', 1, 'content');
    await catalog.connectors.delete('data-4-files', 'alice');
    await expect(catalog.estate.delete('Dataset', 'data-4', 'alice')).rejects.toMatchObject({
      details: { dependents: ['version 1'] },
    });
  });

  test('of a connector ends its queue, its refreshes that wait or run, and those still to come', async () => {
    const [record] = await catalog.connectors.list({ names: ['data-3-files'] });
    if (!record) throw new Error('data-3-files is not there');
    const held = await deliver(catalog, record, 'request:held');
    await catalog.refreshes.begin(landed(held));
    const reason = { code: 'guard.shrink', message: 'm', actor: 'department', retryable: false } as const;
    await catalog.refreshes.finish(landed(held), { sync: held.id, state: 'held', reason }, {});
    const running = await deliver(catalog, record, 'request:running');
    await catalog.refreshes.begin(landed(running));
    const coming = await deliver(catalog, record, 'request:coming');
    await catalog.syncs.enqueue([
      { connector: record, slot: 'request:queued', full: false, reset: false, traceparent: held.traceparent },
    ]);

    expect(await catalog.connectors.delete('data-3-files', 'alice')).toBe(true);
    const states = await catalog.syncs.list({ connector: 'data-3-files', limit: 10, offset: 0 });
    expect(new Set(states.map(({ state, refresh }) => refresh?.state ?? state))).toEqual(new Set(['failed']));
    expect((await catalog.refreshes.begin(landed(coming))).handled).toMatchObject({ state: 'failed' });
    const manifest = manifestOf(running, 1, { content: 'late' });
    await expect(catalog.refreshes.publish(manifest, manifestKey(manifest), NO_REJECTED)).rejects.toMatchObject({
      code: 'version.conflict',
    });
    expect(await catalog.estate.version('data-3', 'latest')).toBeUndefined();
    await catalog.syncs.enqueue([
      { connector: record, slot: 'request:after', full: false, reset: false, traceparent: held.traceparent },
    ]);
    expect(await catalog.syncs.take('reader', 10, 10, 60)).toEqual([]);
  });
});

describe('a connector', () => {
  const change = (schedule: string) => connector('0', { schedule: { cron: schedule } });
  const now = async () => {
    const found = await catalog.connectors.get('data-0-files');
    return found && [found.state, found.approved, found.proposal, found.spec.schedule?.cron];
  };

  test('keeps running as approved while a change waits; approval makes the change run', async () => {
    expect(await catalog.connectors.apply([change('0 1 * * *')], MEMBER)).toMatchObject({
      changed: 1,
      changes: [{ approval: 'needed' }],
    });
    expect(await now()).toEqual(['approved', 1, { revision: 2, stage: 'draft' }, undefined]);
    expect(await catalog.connectors.apply([change('0 1 * * *')], MEMBER)).toMatchObject({ unchanged: 1 });
    await expect(catalog.connectors.step('data-0-files', { type: 'approve' }, { author: 'rev' })).rejects.toMatchObject(
      {
        code: 'connector.lifecycle',
        message: expect.stringContaining('Connector/data-0-files: the change is a draft'),
      },
    );
    await catalog.connectors.step('data-0-files', { type: 'submit' }, { author: MEMBER.name });
    await catalog.connectors.step('data-0-files', { type: 'refuse' }, { author: 'rev', reason: '太早' });
    expect(await catalog.connectors.get('data-0-files')).toMatchObject({
      proposal: { stage: 'draft' },
      remark: '太早',
    });
    await catalog.connectors.apply([change('0 2 * * *')], MEMBER);
    await catalog.connectors.step('data-0-files', { type: 'submit' }, { author: MEMBER.name });
    await catalog.connectors.step('data-0-files', { type: 'approve', revision: 3 }, { author: 'rev' });
    expect(await now()).toEqual(['approved', 3, null, '0 2 * * *']);
    expect((await audited('Connector/data-0-files')).map(({ actor, action }) => [actor, action])).toEqual([
      ['test', 'create'],
      ['key:member', 'change'],
      ['key:member', 'submit'],
      ['rev', 'refuse'],
      ['key:member', 'change'],
      ['key:member', 'submit'],
      ['rev', 'approve'],
    ]);
  });

  test('that was never approved cannot be enqueued; an operator who applies it as it is approves it', async () => {
    await catalog.estate.apply([dataset('data-new')], 'alice');
    await catalog.connectors.apply([connector('new')], MEMBER);
    const [draft] = await catalog.connectors.list({ names: ['data-new-files'] });
    expect(draft).toMatchObject({ state: 'draft', approved: null });
    if (draft)
      await catalog.syncs.enqueue([
        { connector: draft, slot: 'request:x', full: false, reset: false, traceparent: 't' },
      ]);
    expect(await catalog.syncs.list({ connector: 'data-new-files', limit: 1, offset: 0 })).toEqual([]);
    await catalog.connectors.apply([connector('new')], OPERATOR);
    expect(await catalog.connectors.get('data-new-files')).toMatchObject({ state: 'approved', approved: 2 });
  });

  test('paused, resumed and retired keeps its word; a retired one takes no change', async () => {
    const by = { author: 'rev' };
    const token = await catalog.connectors.changeToken();
    await catalog.connectors.step('data-1-files', { type: 'pause' }, by);
    expect(await catalog.connectors.changeToken()).not.toBe(token);
    expect(await catalog.connectors.get('data-1-files')).toMatchObject({ state: 'paused' });
    await catalog.connectors.step('data-1-files', { type: 'resume' }, by);
    await catalog.connectors.step('data-1-files', { type: 'retire' }, { ...by, reason: '停用' });
    expect(await catalog.connectors.get('data-1-files')).toMatchObject({ state: 'retired', remark: '停用' });
    await expect(catalog.connectors.apply([connector('1', { mode: 'append' })], OPERATOR)).rejects.toMatchObject({
      code: 'connector.lifecycle',
    });
    expect(await catalog.connectors.apply([connector('1')], OPERATOR)).toMatchObject({ unchanged: 1 });
    expect(await catalog.connectors.step('nobody', { type: 'pause' }, by)).toBe(false);
  });

  test('keeps values of secrets apart from its revisions, each with the revision that gave it', async () => {
    const sealed = (value: string) => `sealed1.${value}`;
    const secrets = (token: object) => connector('2', { secrets: { token } });
    await catalog.connectors.apply([secrets({ value: sealed('canary-1') })], OPERATOR);
    await catalog.connectors.apply([secrets({ value: sealed('canary-2') })], MEMBER);
    expect(await catalog.connectors.secrets('data-2-files', 2)).toEqual({ token: sealed('canary-1') });
    expect(await catalog.connectors.secrets('data-2-files', 3)).toEqual({ token: sealed('canary-2') });
    // What an operator applies starts from what runs, not from what waits.
    await catalog.connectors.apply(
      [connector('2', { mode: 'append', secrets: { token: { stored: true } } })],
      OPERATOR,
    );
    expect(await catalog.connectors.secrets('data-2-files', 4)).toEqual({ token: sealed('canary-1') });
    const { rows } = await client.query(
      'SELECT (SELECT json_agg(r) FROM revision r)::text || (SELECT json_agg(c) FROM connector c)::text || (SELECT json_agg(a) FROM audit a)::text AS everything',
    );
    expect(rows[0].everything).not.toContain('canary');
    expect(await catalog.resources.get('Connector', 'data-2-files', 'approved')).toMatchObject({
      spec: { secrets: { token: { stored: true } } },
    });
    await catalog.connectors.delete('data-2-files', 'alice');
    expect(await catalog.connectors.secrets('data-2-files', 2)).toEqual({});
  });
});

const text = fc.string({ unit: 'grapheme', maxLength: 20 });
const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const compact = <T extends object>(value: T): T => JSON.parse(JSON.stringify(value)) as T;
const randomDataset = fc
  .record({
    title: text,
    description: optional(text),
    frequency: fc.constantFrom(...Object.keys(FREQUENCIES)),
    confirmationCounts: optional(fc.boolean()),
    primaryKey: fc.array(text, { maxLength: 3 }),
    columns: optional(
      fc.array(
        fc.record({
          name: text,
          type: fc.constantFrom(...COLUMN_TYPES),
          title: optional(text),
          required: optional(fc.boolean()),
        }),
        { maxLength: 4 },
      ),
    ),
    schemaPolicy: fc.constantFrom(...SCHEMA_POLICIES),
    guards: fc.record({ maxShrink: fc.double({ min: 0, max: 1, noNaN: true }) }),
  })
  .map((spec) => dataset('random', compact(spec)));

test('random resources come back as they were applied, and applied again as they came back change nothing', async () => {
  await fc.assert(
    fc.asyncProperty(
      randomDataset,
      // JSON writes -0 as 0.
      fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.parse(JSON.stringify(value))),
      fc.dictionary(text, text, { maxKeys: 3 }),
      async (one, config, labels) => {
        const parsed = resourceSchema.safeParse({ ...one, metadata: { name: 'random', labels } });
        const source = resourceSchema.safeParse({
          ...connector('random', { config: { any: config } }),
          metadata: { name: 'random-files' },
        });
        fc.pre(parsed.success && source.success);
        if (!parsed.success || !source.success) return;
        const related = { ...source.data, spec: { ...source.data.spec, dataset: 'random' } } as ConnectorResource;
        await catalog.estate.apply([parsed.data as EstateResource], 'alice');
        await catalog.connectors.apply([related], OPERATOR);
        const [back] = await catalog.resources.list({ kind: 'Dataset', name: 'random' }, 'approved');
        const [source2] = await catalog.resources.list({ kind: 'Connector', name: 'random-files' }, 'approved');
        const taken = parsed.data.metadata.labels ?? {};
        expect(back).toEqual(toDocument('Dataset', { name: 'random', labels: taken, spec: parsed.data.spec }));
        expect(source2).toEqual(toDocument('Connector', { name: 'random-files', labels: {}, spec: related.spec }));
        expect(await catalog.estate.apply([back as EstateResource], 'bob')).toMatchObject({ unchanged: 1 });
        expect(await catalog.connectors.apply([source2 as ConnectorResource], OPERATOR)).toMatchObject({
          unchanged: 1,
        });
      },
    ),
    { numRuns: 25 },
  );
});
