import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { KEY_FOLDERS, keys } from './landing.js';
import { holdsRecords, type Names, namesOf } from './names.js';

const deployment = fc
  .oneof(fc.constant(''), fc.stringMatching(/^[a-z][a-z0-9-]{0,30}$/))
  .filter((name) => !KEY_FOLDERS.includes(name));

/** Every name, with what kind of thing it names, as the engine would compare them. */
const all = (names: Names): string[] => [
  ...Object.values(names.topics).map((name) => `topic ${name}`),
  `group ${names.landingGroup}`,
  `namespace ${names.namespace}`,
  `queue ${names.taskQueue}`,
  ...[0, 1, 15].map((lane) => `workflow ${names.laneWorkflowId(lane, 16)}`),
  `workflow ${names.forecastWorkflowId('0af7651916cd43dd')}`,
  `database ${names.database}`,
  ...Object.values(names.roles).map((name) => `role ${name}`),
  `source ${names.eventSource}`,
];

test('without a deployment the names are those of the contract', () => {
  const { laneWorkflowId, forecastWorkflowId, ...names } = namesOf('');
  expect(names).toEqual({
    deployment: '',
    topics: {
      records: 'songhua.records.v1',
      deadRecords: 'songhua.records.dead.v1',
      versions: 'songhua.versions.v1',
    },
    landingGroup: 'songhua-landing',
    namespace: 'songhua',
    taskQueue: 'refresh',
    bucketPrefix: '',
    database: 'songhua',
    roles: {
      connector: 'songhua_connector',
      landing: 'songhua_landing',
      refresh: 'songhua_refresh',
      catalog: 'songhua_catalog',
    },
    eventSource: '/songhua/catalog',
  });
  expect(laneWorkflowId(3, 16)).toBe('refresh-lane-3-of-16');
  expect(forecastWorkflowId('x')).toBe('forecast-x');
});

test('with one, each of them has it', () => {
  expect(all(namesOf('staging-2'))).toEqual([
    'topic staging-2.songhua.records.v1',
    'topic staging-2.songhua.records.dead.v1',
    'topic staging-2.songhua.versions.v1',
    'group staging-2.songhua-landing',
    'namespace staging-2-songhua',
    'queue staging-2-refresh',
    'workflow staging-2-refresh-lane-0-of-16',
    'workflow staging-2-refresh-lane-1-of-16',
    'workflow staging-2-refresh-lane-15-of-16',
    'workflow staging-2-forecast-0af7651916cd43dd',
    'database songhua_staging_2',
    'role staging_2_songhua_connector',
    'role staging_2_songhua_landing',
    'role staging_2_songhua_refresh',
    'role staging_2_songhua_catalog',
    'source /songhua/staging-2/catalog',
  ]);
  expect(namesOf('staging-2').bucketPrefix).toBe('staging-2/');
});

test('two deployments have no name in common, and neither has a key below the other’s', () => {
  fc.assert(
    fc.property(deployment, deployment, (one, other) => {
      fc.pre(one !== other);
      const [mine, theirs] = [namesOf(one), namesOf(other)];
      const taken = new Set(all(theirs));
      expect(all(mine).filter((name) => taken.has(name))).toEqual([]);
      for (const folder of KEY_FOLDERS)
        expect(`${mine.bucketPrefix}${folder}/x`.startsWith(theirs.bucketPrefix || `${folder}/`)).toBe(false);
    }),
  );
});

test('every engine takes every name', () => {
  fc.assert(
    fc.property(deployment, (name) => {
      const names = namesOf(name);
      for (const topic of Object.values(names.topics)) expect(topic).toMatch(/^[a-zA-Z0-9._-]{1,249}$/);
      expect(names.namespace).toMatch(/^[a-z0-9-]{2,63}$/);
      // 63 bytes is what PostgreSQL keeps of a name.
      for (const sql of [names.database, ...Object.values(names.roles)]) expect(sql).toMatch(/^[a-z][a-z0-9_]{0,62}$/);
    }),
  );
});

test('what cannot name a deployment is refused, and so is what keys begin with', () => {
  const wrong = ['Staging', '1st', '-a', 'a_b', 'a.b', 'a/b', '..', 'a'.repeat(32), ' ', ...KEY_FOLDERS];
  for (const name of wrong)
    expect(() => namesOf(name)).toThrow(expect.objectContaining({ code: 'config.invalid', actor: 'operator' }));
});

test('every key of the bucket begins with one of the folders that are kept from deployments', () => {
  const text = 'x';
  const attempt = { sync: text, attempt: 1, traceparent: text };
  const made = Object.entries(keys).map(([of, make]) =>
    (make as (...parts: unknown[]) => string)(text, of.startsWith('landing') ? attempt : text, text, text),
  );
  for (const key of made) expect(KEY_FOLDERS).toContain(key.split('/')[0]);
});

test('topics that hold records are known as such, whosever they are', () => {
  fc.assert(
    fc.property(deployment, (name) => {
      const { records, deadRecords, versions } = namesOf(name).topics;
      expect([records, deadRecords, versions].map(holdsRecords)).toEqual([true, true, false]);
    }),
  );
  expect(holdsRecords('orders')).toBe(false);
});
