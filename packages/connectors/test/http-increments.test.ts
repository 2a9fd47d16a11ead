import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Cursor } from '@songhua/contracts';
import { DateTime } from 'luxon';
import { createHttpConnector, type HttpConnector } from '../src/index.js';
import { startApi, type TestApi } from './http-api.js';
import { endOf, type ReadOnceOptions, readOnce, rowsOf, typesOf } from './reading.js';

let api: TestApi;
let connector: HttpConnector;
let rows: Record<string, unknown>[];
beforeEach(async () => {
  rows = [];
  api = await startApi(() => ({ body: { total: rows.length, rows } }));
  connector = createHttpConnector();
});
afterEach(async () => {
  await connector.close();
  await api.close();
});

const read = (config: Record<string, unknown>, options: ReadOnceOptions = {}) =>
  readOnce(connector, { url: `${api.url}/data`, ...config }, { mode: 'append', ...options });
const cursorOf = (messages: Awaited<ReturnType<typeof read>>): Cursor =>
  JSON.parse(JSON.stringify(endOf(messages).cursor)) as Cursor;
const scopeOf = ([start]: Awaited<ReturnType<typeof read>>) => (start?.type === 'start' ? start.scope : start?.type);
const asked = (name: string) => api.asked.map(({ query }) => query.get(name));

describe('windows', () => {
  const day = (back: number) => DateTime.now().setZone('Asia/Shanghai').startOf('day').minus({ days: back });
  const date = (back: number) => day(back).toISODate() ?? '';
  const config = (more: Record<string, unknown> = {}) => ({
    window: { from: date(4), step: 'P1D', parameterStart: 'begin', parameterEnd: 'end', ...more },
  });
  beforeEach(() => {
    rows = [4, 3, 2, 1, 0].map((back) => ({ id: back, date: date(back) }));
    api.answer = ({ query }) => {
      const [begin = '', end = ''] = [query.get('begin') ?? '', query.get('end') ?? ''];
      return { body: { total: 1, rows: rows.filter((row) => begin <= String(row.date) && String(row.date) < end) } };
    };
  });

  test('are read one by one until today, and are all of the source', async () => {
    const messages = await read(config());
    expect(rowsOf(messages).map(([id]) => id)).toEqual(['4', '3', '2', '1', '0']);
    expect(scopeOf(messages)).toBe('all');
    expect(asked('begin')).toEqual([4, 3, 2, 1, 0].map(date));
    expect(asked('end')).toEqual([3, 2, 1, 0, -1].map(date));
    expect(endOf(messages).files[1]?.name).toBe(`${date(3)} page 1`);
  });

  test('go on after the last one that was over; what overlaps is read again', async () => {
    const cursor = cursorOf(await read(config()));
    rows.push({ id: 100, date: date(0) });
    api.asked.length = 0;
    const messages = await read(config(), { cursor });
    expect(asked('begin')).toEqual([date(0)]);
    expect(rowsOf(messages).map(([id]) => id)).toEqual(['0', '100']);
    expect(scopeOf(messages)).toBe('part');

    const first = cursorOf(await read(config({ overlap: 'P2D' })));
    api.asked.length = 0;
    await read(config({ overlap: 'P2D' }), { cursor: first });
    expect(asked('begin')).toEqual([2, 1, 0].map(date));
  });

  test('that hold nothing new are unchanged; a cursor that must move on moves with no rows', async () => {
    rows = [{ id: 4, date: date(4), note: 'x' }];
    const cursor = cursorOf(await read(config()));
    expect(typesOf(await read(config(), { cursor }))).toEqual(['unchanged']);
    const earlier = { ...cursor, position: day(2).toUTC().toISO() };
    const messages = await read(config(), { cursor: earlier });
    expect(typesOf(messages)).toEqual(['start', 'end']);
    expect(messages[0]).toMatchObject({ columns: [{ name: 'id' }, { name: 'date' }, { name: 'note' }], scope: 'part' });
    expect(cursorOf(messages).position).toBe(cursor.position);
  });

  test('are all read again in mode full', async () => {
    const cursor = cursorOf(await read(config(), { mode: 'full' }));
    rows.push({ id: 100, date: date(3) });
    const messages = await read(config(), { cursor, mode: 'full' });
    expect([scopeOf(messages), rowsOf(messages).length]).toEqual(['all', 6]);
  });

  test('are read for a range only, its bounds included, and the cursor stays as it is', async () => {
    const cursor = cursorOf(await read(config()));
    api.asked.length = 0;
    const messages = await read(config(), { cursor, range: { from: date(3), to: date(2) } });
    expect(rowsOf(messages).map(([id]) => id)).toEqual(['3', '2']);
    expect(asked('begin')).toEqual([3, 2].map(date));
    expect(scopeOf(messages)).toBe('part');
    expect(cursorOf(messages)).toEqual(cursor);
  });

  test('have pages of their own', async () => {
    const link = (at: number, begin: string | null, end: string | null) => ({
      link: `</data?begin=${begin}&end=${end}&page=${at}>; rel=next`,
    });
    api.answer = ({ query }) => {
      const at = Number(query.get('page') ?? 1);
      const begin = query.get('begin');
      return { body: [{ begin, at }], ...(at < 3 ? { headers: link(at + 1, begin, query.get('end')) } : {}) };
    };
    const messages = await read({ ...config(), pagination: { type: 'link' } });
    expect(rowsOf(messages)).toEqual([4, 3, 2, 1, 0].flatMap((back) => ['1', '2', '3'].map((at) => [date(back), at])));
  });

  test('are written as the source wants them', async () => {
    const noon = DateTime.fromISO('2024-03-10T12:00:00+08:00');
    api.answer = () => ({ body: [{ id: api.asked.length }] });
    const windows = async (more: Record<string, unknown>) => {
      api.asked.length = 0;
      const range = { from: noon.toISO() ?? '', to: noon.plus({ hours: 5 }).toISO() ?? '' };
      await read(config({ step: 'PT6H', ...more }), { range });
      return api.asked.map(({ query }) => [query.get('begin'), query.get('end')]);
    };
    expect(await windows({ format: 'iso' })).toEqual([['2024-03-10T12:00:00+08:00', '2024-03-10T17:00:00.001+08:00']]);
    expect(await windows({ format: 'yyyy/MM/dd HH:mm:ss', includesEnd: true })).toEqual([
      ['2024/03/10 12:00:00', '2024/03/10 17:00:00'],
    ]);
    expect(await windows({ format: 'epochSeconds' })).toEqual([['1710043200', '1710061201']]);
    expect(await windows({ format: 'yyyyMMddHH', step: 'PT3H' })).toEqual([
      ['2024031012', '2024031015'],
      ['2024031015', '2024031018'],
    ]);
  });
});

describe('what is new since the greatest value', () => {
  const since = (more: Record<string, unknown> = {}) => ({ since: { parameter: 'after', column: 'updated', ...more } });

  test('is asked for from a little before it, at full precision, and only once it was published', async () => {
    rows = [
      { id: 1, updated: '2024-05-01 10:00:00.123456' },
      { id: 2, updated: '2024-05-01 10:00:00.123457' },
    ];
    const messages = await read(since({ overlap: 0 }));
    expect(asked('after')).toEqual([null]);
    expect(scopeOf(messages)).toBe('all');
    const cursor = cursorOf(messages);
    expect(cursor.position).toBe('2024-05-01 10:00:00.123457');
    rows.push({ id: 3, updated: '2024-05-01 10:00:01' });
    const next = await read(since({ overlap: 0 }), { cursor });
    expect(asked('after').at(-1)).toBe('2024-05-01 10:00:00.123457');
    expect([scopeOf(next), cursorOf(next).position]).toEqual(['part', '2024-05-01 10:00:01']);
  });

  test.each([
    ['2024-05-01 10:00:00', {}, '2024-05-01 09:55:00'],
    ['2024-05-01T10:00:00Z', {}, '2024-05-01T09:55:00Z'],
    ['2024-05-01T10:00:00.123456+08:00', { overlap: 1 }, '2024-05-01T09:59:59.123+08:00'],
    ['2024-05-01', {}, '2024-04-30'],
    ['2024/05/01 10:00', { format: 'yyyy/MM/dd HH:mm', overlap: 60 }, '2024/05/01 09:59'],
    ['1714557600', { format: 'epochSeconds' }, '1714557300'],
    ['1714557600123', { format: 'epochMilliseconds', overlap: 1 }, '1714557599123'],
    ['12345678901234567890', {}, '12345678901234567889'],
    ['42', { overlap: 10 }, '32'],
    ['rev-7', {}, 'rev-7'],
  ])('the value %s with %j is asked for from %s', async (updated, more, sent) => {
    api.answer = () => ({
      body: `[{"id":1,"updated":${/^\d+$/.test(updated) ? updated : JSON.stringify(updated)}},{"id":2}]`,
    });
    const cursor = cursorOf(await read(since(more)));
    await read(since(more), { cursor });
    expect(asked('after').at(-1)).toBe(sent);
  });

  test('the same answer again is unchanged, and no answer at all keeps the cursor', async () => {
    rows = [{ id: 1, updated: '7', note: 'x' }];
    const cursor = cursorOf(await read(since()));
    expect(typesOf(await read(since(), { cursor }))).toEqual(['unchanged']);
    rows = [];
    expect(typesOf(await read(since(), { cursor }))).toEqual(['unchanged']);
  });

  test('rows that lack columns which no new row fills still have them', async () => {
    rows = [{ id: 1, updated: '7', note: 'x' }];
    const cursor = cursorOf(await read(since()));
    rows = [{ updated: '8', id: 2 }];
    const messages = await read(since(), { cursor });
    expect(messages[0]).toMatchObject({ columns: [{ name: 'id' }, { name: 'updated' }, { name: 'note' }] });
    expect(rowsOf(messages)).toEqual([['2', '8', '']]);
  });

  test('a greatest value that is smaller than the known one does not move the cursor back', async () => {
    rows = [{ id: 1, updated: '10' }];
    const cursor = cursorOf(await read(since({ overlap: 5 })));
    rows = [{ id: 2, updated: '9' }];
    expect(cursorOf(await read(since({ overlap: 5 }), { cursor })).position).toBe('10');
  });

  test.each([
    ['9999-12-31 23:59:59', '2024-05-01 10:00:00', {}],
    ['253402300799', '1714557600', { format: 'epochSeconds' }],
  ])('a row that is dated ahead of the clock, as %s, does not move the cursor there', async (ahead, updated, more) => {
    rows = [
      { id: 1, updated: ahead },
      { id: 2, updated },
    ];
    const cursor = cursorOf(await read(since({ ...more, overlap: 0 })));
    expect(cursor.position).toBe(updated);
    // One that went there before is none.
    const anew = await read(since({ ...more, overlap: 0 }), { cursor: { ...cursor, position: ahead } });
    expect([asked('after').at(-1), scopeOf(anew), cursorOf(anew).position]).toEqual([null, 'all', updated]);
  });

  test('a column that no row has is told', async () => {
    rows = [{ id: 1 }];
    await expect(read(since())).rejects.toMatchObject({ code: 'connector.config-invalid', actor: 'department' });
  });

  test('a range is asked for where the source can end one, and the cursor stays', async () => {
    rows = [{ id: 1, updated: '5' }];
    const config = since({ parameterEnd: 'before' });
    const cursor = cursorOf(await read(config));
    const messages = await read(config, { cursor, range: { from: '2', to: '4' } });
    expect([asked('after').at(-1), asked('before').at(-1)]).toEqual(['2', '4']);
    expect(cursorOf(messages)).toEqual(cursor);
    await expect(read(since(), { range: { to: '4' } })).rejects.toMatchObject({ code: 'connector.config-invalid' });
  });
});

describe('rows that are deleted', () => {
  const since = { since: { parameter: 'after', column: 'updated', overlap: 0 } };
  const merge = { mode: 'merge' as const, primaryKey: ['id'] };

  test('by a mark take theirs away, and the others put theirs', async () => {
    const config = { ...since, softDelete: { column: 'deleted' } };
    rows = [{ id: 1, updated: '5', note: 'a, "b"' }];
    const first = await read(config, merge);
    expect(first[0]).toMatchObject({ scope: 'all', operations: true });
    expect(rowsOf(first)).toEqual([['+', '1', '5', 'a, "b"']]);
    // Nothing said yet how deleted rows are marked.
    expect(first.at(-1)).toMatchObject({ warnings: [{ code: 'source.no-deletions' }] });
    rows = [
      { id: 1, updated: '6', note: 'a', deleted: true },
      { id: 2, updated: '7', note: 'b', deleted: false },
      { id: 3, updated: '7', note: 'c', deleted: null },
    ];
    const second = await read(config, { ...merge, cursor: cursorOf(first) });
    expect(second.at(-1)).toMatchObject({ warnings: [] });
    expect(rowsOf(second).map(([operation, id]) => `${operation}${id}`)).toEqual(['-1', '+2', '+3']);
    const told = await read({ softDelete: { column: 'note', deleted: ['b'] } }, merge);
    expect(rowsOf(told).map(([operation, id]) => `${operation}${id}`)).toEqual(['+1', '-2', '+3']);
  });

  test('outright are found by reading everything, as often as asked', async () => {
    rows = [{ id: 1, updated: '5' }];
    const config = { ...since, fullEvery: 'P7D' };
    const cursor = cursorOf(await read(config, merge));
    const of = async (days: number) => {
      const fullAt = DateTime.now().minus({ days }).toISO() ?? '';
      return read(config, { ...merge, cursor: { ...cursor, fullAt } });
    };
    rows = [{ id: 2, updated: '6' }];
    expect([scopeOf(await of(6)), asked('after').at(-1)]).toEqual(['part', '5']);
    const all = await of(8);
    expect([scopeOf(all), asked('after').at(-1)]).toEqual(['all', null]);
    expect(Date.parse(String(cursorOf(all).fullAt))).toBeGreaterThan(Date.now() - 60_000);
    rows = [{ id: 1, updated: '5' }];
    const [unchanged] = await of(8);
    expect(unchanged).toMatchObject({ type: 'unchanged', validators: { position: '5' } });
  });
});

describe('what HTTP cannot do is told', () => {
  test.each([
    ['a range of what has no cursor', {}, { range: { from: '1' } }],
    ['a range of a document by pages', { pagination: { type: 'page' } }, { range: { from: '1' } }],
    ['a stream of changes', {}, { mode: 'cdc' as const }],
    ['deletions in a mode that only adds', { softDelete: { column: 'gone' } }, { mode: 'append' as const }],
  ])('%s', async (_what, config, options) => {
    await expect(read(config, options)).rejects.toMatchObject({ code: 'connector.config-invalid' });
    expect(api.asked).toEqual([]);
  });
});
