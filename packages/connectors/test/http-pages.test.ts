import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createHttpConnector, type HttpConnector } from '../src/index.js';
import { type Answer, type Asked, rowsFrom, startApi, type TestApi } from './http-api.js';
import { endOf, LOOPBACK, type ReadOnceOptions, readOnce, rowsOf, runsOf, typesOf } from './reading.js';

const ALL = rowsFrom(1, 25);
const IDS = ALL.map(({ id }) => String(id));

let api: TestApi;
let connector: HttpConnector;
beforeEach(async () => {
  api = await startApi(() => ({ status: 404 }));
  connector = createHttpConnector();
});
afterEach(async () => {
  await connector.close();
  await api.close();
});

const read = (config: Record<string, unknown>, options: ReadOnceOptions = {}) =>
  readOnce(connector, { url: `${api.url}/api`, ...config }, options);
const idsOf = async (config: Record<string, unknown>, options?: ReadOnceOptions) =>
  rowsOf(await read(config, options)).map(([id]) => id);
const slice = (from: number, size: number) => ALL.slice(from, from + size);
const number = (asked: Asked, name: string, absent = 0) => Number(asked.query.get(name) ?? absent);
const page = (asked: Asked, size = 10) => slice((number(asked, 'page', 1) - 1) * size, size);

describe('every pagination reads all rows once', () => {
  test('by page number, until a page is empty', async () => {
    api.answer = (asked) => ({ body: { code: 0, data: { rows: page(asked) } } });
    expect(await idsOf({ pagination: { type: 'page' }, query: { size: 10 } })).toEqual(IDS);
    expect(api.asked.map(({ query }) => `${query}`)).toEqual([1, 2, 3, 4].map((at) => `size=10&page=${at}`));
  });

  test('by page number, as far as the total says, in a POST body', async () => {
    api.answer = ({ text }) => {
      const { paging } = JSON.parse(text) as { paging: { no: number } };
      return { body: { total: 25, list: slice(paging.no * 10, 10) } };
    };
    const config = {
      method: 'POST',
      body: { json: { table: 'points', paging: { size: 10 } } },
      pagination: { type: 'page', parameter: '/paging/no', first: 0, total: '/total' },
    };
    expect(await idsOf(config)).toEqual(IDS);
    expect(api.asked.map(({ text }) => JSON.parse(text))).toEqual(
      [0, 1, 2].map((no) => ({ table: 'points', paging: { size: 10, no } })),
    );
  });

  test('by offset, which goes on after the rows that came, however few the server gives', async () => {
    api.answer = (asked) => ({ body: slice(number(asked, 'skip'), 7) });
    expect(await idsOf({ query: { limit: 1000 }, pagination: { type: 'offset', parameter: 'skip' } })).toEqual(IDS);
    expect(api.asked.map((asked) => number(asked, 'skip'))).toEqual([0, 7, 14, 21, 25]);
  });

  test('by offset in a form', async () => {
    api.answer = ({ text, headers }) => {
      expect(headers['content-type']).toBe('application/x-www-form-urlencoded');
      return { body: slice(Number(new URLSearchParams(text).get('offset')), 10) };
    };
    const config = { method: 'POST', body: { form: { q: '道里 区' } }, pagination: { type: 'offset' } };
    expect(await idsOf(config)).toEqual(IDS);
    expect(new URLSearchParams(api.asked[1]?.text).get('q')).toBe('道里 区');
  });

  test('by a token in the answer, whose digits are kept', async () => {
    const tokens = ['', '12345678901234567890', '98765432109876543210'];
    api.answer = ({ query }) => {
      const at = tokens.indexOf(query.get('after') ?? '');
      const next = tokens[at + 1] ?? 'null';
      return { body: `{"items":${JSON.stringify(slice(at * 10, 10))},"meta":{"next":${next}}}` };
    };
    expect(await idsOf({ pagination: { type: 'cursor', parameter: 'after', token: '/meta/next' } })).toEqual(IDS);
  });

  test('by a token in the body, while the answer says that there is more; an empty page in between is no end', async () => {
    const parts = [slice(0, 10), [], slice(10, 15)];
    api.answer = ({ text }) => {
      const at = Number((JSON.parse(text) as { cursor?: string }).cursor ?? 0);
      return { body: { more: at < 2, cursor: `${at + 1}`, records: parts[at] } };
    };
    const config = {
      method: 'POST',
      body: { json: {} },
      pagination: { type: 'cursor', token: '/cursor', more: '/more' },
    };
    expect(await idsOf(config)).toEqual(IDS);
  });

  test('by the header Link', async () => {
    api.answer = (asked) => {
      const at = number(asked, 'page', 1);
      const next = `</api?page=${at + 1}>; rel="next", <${api.url}/api?page=1>; rel=first`;
      return { body: page(asked), headers: at < 3 ? { link: next } : { link: '</api>; rel="prev"' } };
    };
    expect(await idsOf({ pagination: { type: 'link' } })).toEqual(IDS);
  });

  test('by an address in the answer', async () => {
    api.answer = (asked) => {
      const at = number(asked, 'page', 1);
      return { body: { results: page(asked), links: [{ href: at < 3 ? `${api.url}/api?page=${at + 1}` : null }] } };
    };
    expect(await idsOf({ pagination: { type: 'link', next: '/links/0/href' } })).toEqual(IDS);
  });
});

describe('every format of a page is read, and pages are one table', () => {
  const pagination = { type: 'page' };
  const paged = (format: (rows: typeof ALL) => string | unknown) => {
    api.answer = (asked) => ({ body: format(page(asked)) });
  };

  test('CSV with a header on every page, also when the last page has one row', async () => {
    paged((rows) => ['id,name', ...rows.map(({ id, name }) => `${id},${name}`), ''].join('\n'));
    expect(await idsOf({ pagination })).toEqual(IDS);
    api.answer = (asked) => ({
      body: `id;name\n${page(asked, 24)
        .map(({ id, name }) => `${id};${name}\n`)
        .join('')}`,
    });
    expect(await idsOf({ pagination })).toEqual(IDS);
  });

  test('NDJSON, which ends with nothing, also when the last page has one row', async () => {
    const lines = (rows: unknown[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
    paged(lines);
    expect(await idsOf({ pagination })).toEqual(IDS);
    api.answer = (asked) => ({ body: lines(page(asked, 24)) });
    expect(await idsOf({ pagination })).toEqual(IDS);
  });

  test('XML, where the last page is a list without items', async () => {
    paged((rows) => {
      const items = rows.map(({ id, name }) => `<item><id>${id}</id><name>${name}</name></item>`);
      return `<?xml version="1.0"?><answer><list>${items.join('')}</list></answer>`;
    });
    expect(await idsOf({ pagination: { ...pagination, alsoEnds: ['no-records'] } })).toEqual(IDS);
    await expect(read({ pagination })).rejects.toMatchObject({ code: 'records.missing' });
  });

  test('status 204 is a page without rows', async () => {
    api.answer = (asked) => (page(asked).length > 0 ? { body: page(asked) } : { status: 204 });
    expect(await idsOf({ pagination })).toEqual(IDS);
  });

  test('columns are united by name; a page without one has empty cells there', async () => {
    const pages = [[{ id: 1, a: 'x' }], [{ b: 'y', id: 2 }], [{ id: 3, a: 'z', b: '"q", r' }], []];
    api.answer = (asked) => ({ body: pages[number(asked, 'page', 1) - 1] });
    const messages = await read({ pagination });
    expect(messages[0]).toMatchObject({ columns: [{ name: 'id' }, { name: 'a' }, { name: 'b' }] });
    expect(rowsOf(messages)).toEqual([
      ['1', 'x', ''],
      ['2', '', 'y'],
      ['3', 'z', '"q", r'],
    ]);
  });

  test('rows and rejected rows tell which page they are from', async () => {
    const bodies = ['{"id":1}\n{"id":2}\n{"id":\n', '{"id":4}\n{"id":5,}\n{"id":6}\n', ''];
    api.answer = (asked) => ({ body: bodies[number(asked, 'page', 1) - 1] });
    const messages = await read({ pagination });
    expect(endOf(messages).files.map(({ name }) => name)).toEqual(['page 1', 'page 2', 'page 3']);
    expect(runsOf(messages).map(({ row, file }) => [row, file])).toEqual([
      [0, 0],
      [2, 1],
    ]);
    const rejected = messages.flatMap((message) => (message.type === 'rejected' ? message.rows : []));
    expect(rejected.map(({ file, line }) => [file, line])).toEqual([
      [0, 3],
      [1, 2],
    ]);
  });
});

describe('an incomplete read is never handed on', () => {
  const config = { pagination: { type: 'page' } };
  const failsAt = (at: number, answer: Answer) => {
    api.answer = (asked) => (number(asked, 'page', 1) === at ? answer : { body: { rows: page(asked) } });
  };
  const collected = async (given: Record<string, unknown> = config) => {
    const messages: unknown[] = [];
    const error = await read(given).then(
      (all) => void messages.push(...all),
      (problem: unknown) => problem,
    );
    expect(messages).toEqual([]);
    return error;
  };

  test.each([
    ['status 500', { status: 500 }, 'source.failed'],
    ['status 404', { status: 404 }, 'source.missing'],
    ['status 401', { status: 401 }, 'source.denied'],
    ['an HTML page', { body: '<!doctype html><p>login' }, 'source.html'],
    ['an error message as JSON', { body: { code: 500, msg: 'busy' } }, 'records.missing'],
    ['a list elsewhere', { body: { errors: [{ msg: 'busy' }] } }, 'records.missing'],
    ['nothing where JSON was', { body: '' }, 'source.empty'],
    ['broken JSON', { body: '{"rows":[{"id":1},' }, 'json.invalid'],
    ['other text', { body: 'id,name\n1,2\n3,4\n' }, 'source.unreadable'],
  ] as [string, Answer, string][])('a later page with %s fails the read', async (_what, answer, code) => {
    failsAt(2, answer);
    expect(await collected()).toMatchObject({ code });
  });

  test('an error message in place of a list at the root fails the read', async () => {
    api.answer = (asked) => ({ body: number(asked, 'page', 1) === 2 ? { id: 'E1', name: 'busy' } : page(asked) });
    expect(await collected()).toMatchObject({ code: 'source.unreadable' });
  });

  test('rows that go away between pages would hide others, so the read is tried again', async () => {
    api.answer = (asked) => ({ body: { total: number(asked, 'page', 1) === 1 ? 25 : 24, rows: page(asked) } });
    expect(await collected({ pagination: { type: 'page', total: '/total' } })).toMatchObject({
      code: 'source.changed-while-reading',
      retryable: true,
    });
  });

  test('pages that end before the total are truncated', async () => {
    api.answer = (asked) => ({ body: { total: 26, rows: page(asked) } });
    expect(await collected({ pagination: { type: 'page', total: '/total' } })).toMatchObject({
      code: 'source.truncated',
      retryable: true,
    });
  });

  test('a passing failure of a later page is tried again where it is', async () => {
    let failures = 0;
    api.answer = (asked) =>
      number(asked, 'page', 1) === 3 && failures++ === 0 ? { status: 502 } : { body: { rows: page(asked) } };
    expect(await idsOf(config)).toEqual(IDS);
  });

  test('what the config says is an end is one', async () => {
    failsAt(4, { status: 404 });
    expect(await idsOf({ pagination: { type: 'page', alsoEnds: ['not-found'] } })).toEqual(IDS);
    failsAt(4, { body: { code: 0, rows: null } });
    expect(await idsOf({ pagination: { type: 'page', alsoEnds: ['no-records'] } })).toEqual(IDS);
    api.asked.length = 0;
    failsAt(4, { status: 500 });
    expect(await idsOf({ pagination: { type: 'page', alsoEnds: ['short-page'] } })).toEqual(IDS);
    expect(api.asked).toHaveLength(3);
  });

  test('more bytes than the limit in all pages together are refused', async () => {
    api.answer = (asked) => ({ body: { rows: page(asked) } });
    await expect(read(config, { maxBytes: 700 })).rejects.toMatchObject({ code: 'source.too-large' });
  });
});

describe('pages that never end are noticed', () => {
  const endless = { code: 'source.endless', actor: 'department', retryable: false };

  test('a server that ignores the page parameter, whatever else its answer holds', async () => {
    let time = 0;
    api.answer = () => ({ body: { time: time++, rows: slice(0, 10) } });
    await expect(read({ pagination: { type: 'page' } })).rejects.toMatchObject(endless);
    expect(api.asked).toHaveLength(2);
  });

  test('a server that always has one more', async () => {
    api.answer = (asked) => ({ body: [{ id: number(asked, 'page') }] });
    await expect(read({ pagination: { type: 'page', maxPages: 5 } })).rejects.toMatchObject(endless);
    expect(api.asked).toHaveLength(5);
  });

  test('a token or an address that comes again', async () => {
    let at = 0;
    api.answer = () => ({ body: { rows: [{ id: at++ }], next: 'same' } });
    await expect(read({ pagination: { type: 'cursor', token: '/next' } })).rejects.toMatchObject(endless);
    api.answer = (asked) => ({
      body: [{ id: at++ }],
      headers: { link: `</api?p=${1 - number(asked, 'p')}>; rel=next` },
    });
    await expect(read({ pagination: { type: 'link' } })).rejects.toMatchObject(endless);
  });
});

describe('links', () => {
  test('lead to other servers only when the config names them', async () => {
    const other = await startApi(() => ({ body: slice(10, 15) }));
    try {
      api.answer = () => ({ body: slice(0, 10), headers: { link: `<${other.url}/more>; rel=next` } });
      const config = { pagination: { type: 'link' } };
      await expect(read(config)).rejects.toMatchObject({ code: 'connector.address-refused' });
      expect(other.asked).toEqual([]);
      const named = { pagination: { type: 'link', origins: [other.url] } };
      expect(await idsOf(named, { secrets: { token: 't1' } })).toEqual(IDS);
      expect(other.asked[0]?.headers.authorization).toBe('Bearer t1');
    } finally {
      await other.close();
    }
  });

  test.each(['file:///etc/passwd', 'http://169.254.169.254/latest', 'http://[::ffff:7f00:1]/', 'http://'])(
    'never lead to %s',
    async (address) => {
      api.answer = () => ({ body: { rows: slice(0, 3), next: address } });
      await expect(read({ pagination: { type: 'link', next: '/next' } })).rejects.toMatchObject({
        code: expect.stringMatching(/^(connector.address-refused|source.failed)$/),
      });
      expect(api.asked).toHaveLength(1);
    },
  );
});

describe('what did not change', () => {
  test('the same pages again are unchanged, though the rest of the answers changed', async () => {
    let time = 0;
    api.answer = (asked) => ({ body: { time: time++, rows: page(asked) } });
    const config = { pagination: { type: 'page' } };
    const { cursor } = endOf(await read(config));
    expect(typesOf(await read(config, { cursor }))).toEqual(['unchanged']);
    api.answer = (asked) => ({ body: { rows: page(asked, 9) } });
    expect(typesOf(await read(config, { cursor }))).toContain('end');
  });

  test('an empty API is told as empty, not as a table without columns', async () => {
    api.answer = () => ({ body: { total: 0, rows: [] } });
    await expect(read({ pagination: { type: 'page' } })).rejects.toMatchObject({ code: 'source.empty' });
  });

  test('discover and test ask for the first page only', async () => {
    api.answer = (asked) => ({ body: { rows: page(asked) } });
    const context = { config: { url: `${api.url}/api`, pagination: { type: 'page' } } };
    const streams = await discovered(context.config);
    expect(streams).toMatchObject([{ columns: [{ name: 'id' }, { name: 'name' }] }]);
    expect(api.asked).toHaveLength(1);
  });
});

async function discovered(config: unknown) {
  const tempDir = await mkdtemp(join(tmpdir(), 'songhua-sample-'));
  try {
    return await connector.discover({
      config: connector.configSchema.parse(config),
      secrets: {},
      cursor: undefined,
      signal: new AbortController().signal,
      tempDir,
      limits: { maxBytes: 1e6, timeoutMs: 10_000 },
      mode: 'full',
      primaryKey: [],
      network: LOOPBACK,
    });
  } finally {
    await rm(tempDir, { recursive: true });
  }
}
