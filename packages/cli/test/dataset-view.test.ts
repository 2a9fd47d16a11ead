import { expect, test } from '@jest/globals';
import { datasetDetailSchema, datasetView } from '../src/dataset-view.js';

const clocks = { checkedAt: null, sourceChangedAt: null, dataChangedAt: null, metadataChangedAt: null };
const detail = {
  ...{ name: 'levels', title: '水位', department: 'water', domain: 'society', frequency: 'DAILY', rows: 3, bytes: 10 },
  ...{
    version: 1,
    versions: 1,
    freshness: 'fresh',
    dueAt: null,
    lateSince: null,
    inSync: 'confirmed',
    inSyncUntil: null,
  },
  clocks,
  lastSync: { id: 'sy_2', state: 'unchanged', refresh: null, reason: null },
  schema: null,
};
const view = (holds: object[]): string => datasetView(datasetDetailSchema.parse({ ...detail, holds }));

test('a refresh that waits for a decision is told with its dataset, whatever the last sync says', () => {
  const reason = { code: 'schema.changed', message: 'm', actor: 'department' };
  expect(view([{ sync: 'sy_1', reason }])).toContain(
    '1 refresh waits for a decision: schema.changed, songhua holds show sy_1',
  );
  const many = Array.from({ length: 6 }, (_, i) => ({ sync: `sy_${i}`, reason }));
  expect(view(many)).toMatch(/6 refreshes wait for a decision: .*sy_4; all: songhua holds list$/);
  expect(view([])).not.toContain('decision');
});
