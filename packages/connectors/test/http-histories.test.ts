import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { cellsOf } from '@songhua/connector-sdk';
import type { Cursor } from '@songhua/contracts';
import fc from 'fast-check';
import { createHttpConnector, type HttpConnector } from '../src/index.js';
import { startApi, type TestApi } from './http-api.js';
import { readOnce } from './reading.js';

let api: TestApi;
let connector: HttpConnector;
beforeAll(async () => {
  api = await startApi(() => ({ status: 404 }));
  connector = createHttpConnector();
});
afterAll(async () => {
  await connector.close();
  await api.close();
});

interface Row {
  id: number;
  value: number;
  at: number;
}

const step = fc.oneof(
  // A new row, or another value of an old one; late ones carry a time of a little before.
  fc.record({ kind: fc.constant('write' as const), id: fc.nat({ max: 12 }), late: fc.nat({ max: 5 }) }),
  fc.record({ kind: fc.constant('tick' as const), by: fc.nat({ max: 3 }) }),
  // A read that is published, or lost amid its pages.
  fc.record({
    kind: fc.constant('read' as const),
    failsAt: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
  }),
);

test('any history of writes, late writes and equal times, read by pages with failures, ends as the source is', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 25 }),
      fc.integer({ min: 1, max: 4 }),
      fc.boolean(),
      async (steps, size, strict) => {
        const source = new Map<number, Row>();
        const published = new Map<string, string>();
        let cursor: Cursor | undefined;
        let now = 100;
        let writes = 0;
        let failsAt: number | undefined;
        let pages = 0;
        api.answer = ({ query }) => {
          if (++pages === failsAt) return { status: 400 };
          const since = Number(query.get('since') ?? 0);
          const rows = [...source.values()]
            .filter(({ at }) => (strict ? at > since : at >= since))
            .sort((a, b) => a.at - b.at || a.id - b.id);
          const offset = Number(query.get('offset'));
          return { body: rows.slice(offset, offset + size) };
        };
        const config = {
          url: `${api.url}/rows`,
          pagination: { type: 'offset' },
          since: { parameter: 'since', column: 'at', overlap: 6 },
        };
        const read = async (failure: number | undefined): Promise<void> => {
          failsAt = failure;
          pages = 0;
          const messages = await readOnce(connector, config, { mode: 'merge', primaryKey: ['id'], cursor }).catch(
            () => [],
          );
          const end = messages.find((message) => message.type === 'end');
          const [start] = messages;
          if (end?.type !== 'end' || start?.type !== 'start') return;
          const at = (name: string) => start.columns.findIndex((column) => column.name === name);
          if (start.scope === 'all') published.clear();
          for (const message of messages) {
            if (message.type !== 'rows') continue;
            for (const cells of cellsOf(message.csv, message.rows))
              published.set(cells[at('id')] ?? '', cells[at('value')] ?? '');
          }
          cursor = JSON.parse(JSON.stringify(end.cursor)) as Cursor;
        };
        for (const one of steps) {
          if (one.kind === 'tick') now += one.by;
          else if (one.kind === 'write') source.set(one.id, { id: one.id, value: writes++, at: now - one.late });
          else await read(one.failsAt);
        }
        await read(undefined);
        expect(published).toEqual(new Map([...source.values()].map(({ id, value }) => [`${id}`, `${value}`])));
      },
    ),
    { numRuns: 60 },
  );
});
