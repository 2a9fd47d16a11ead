import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Connector } from '@songhua/connector-sdk';
import { testConnector } from '@songhua/connector-sdk/conformance';
import { createCkanConnector } from '../src/index.js';
import { startServer, type TestServer } from './http-server.js';
import { endOf, LOOPBACK, type ReadOnceOptions, readOnce, rowsOf, typesOf } from './reading.js';
import { testSoftDelete } from './soft-delete-suite.js';

const connector = createCkanConnector();
const TOKEN = 'canary-token';

interface Stored {
  id: string;
  name: string;
  format: string;
  content: string;
  lastModified: string | null;
  link?: string;
  state?: string;
}

/** A portal that answers as CKAN 2.10 and 2.11 do. */
async function startPortal() {
  const resources: Stored[] = [];
  const rows: Record<string, unknown>[] = [];
  const state = { private: false, deleted: false, missing: false, mostRows: 32_000, fields: ['id', 'name'] };
  let uploads = 0;
  const server: TestServer = await startServer();
  const answer = (response: ServerResponse, status: number, body: object): void => {
    const help = `${server.url}/api/3/action/help_show?name=x`;
    response
      .writeHead(status, { 'content-type': 'application/json;charset=utf-8' })
      .end(JSON.stringify({ help, ...body }));
  };
  const refuse = (response: ServerResponse, status: number, type: string): void =>
    answer(response, status, { error: { __type: type, message: type }, success: false });
  const show = (id: string | null, request: IncomingMessage, response: ServerResponse): void => {
    if (id !== 'scores' || state.missing) refuse(response, 404, 'Not Found Error');
    else if (state.private && request.headers.authorization !== TOKEN) refuse(response, 403, 'Authorization Error');
    else describeDataset(response);
  };
  const describeDataset = (response: ServerResponse): void => {
    answer(response, 200, {
      success: true,
      result: {
        id: 'b7a1b3a5-7d53-4a55-9a35-2b1a5b1f0a01',
        name: 'scores',
        title: '高中录取分数线',
        private: state.private,
        state: state.deleted ? 'deleted' : 'active',
        type: 'dataset',
        metadata_created: '2026-01-01T00:00:00.000001',
        metadata_modified: '2026-11-01T00:00:00.000001',
        num_resources: resources.length,
        num_tags: 0,
        extras: [],
        groups: [],
        tags: [],
        organization: null,
        resources: resources.map(({ content, lastModified, link, ...resource }, position) => ({
          cache_last_updated: null,
          cache_url: null,
          created: '2026-01-01T00:00:00.000001',
          datastore_active: true,
          description: '',
          hash: '',
          last_modified: lastModified,
          metadata_modified: '2026-11-01T00:00:00.000001',
          mimetype: 'text/csv',
          mimetype_inner: null,
          package_id: 'b7a1b3a5-7d53-4a55-9a35-2b1a5b1f0a01',
          position,
          resource_type: null,
          size: Buffer.byteLength(content),
          state: 'active',
          url: link ?? `${server.url}/dataset/scores/resource/${resource.id}/download/${resource.name}`,
          url_type: link === undefined ? 'upload' : '',
          ...resource,
        })),
      },
    });
  };
  const search = (query: URLSearchParams, response: ServerResponse): void => {
    const limit = Math.min(Number(query.get('limit')), state.mostRows);
    const offset = Number(query.get('offset'));
    answer(response, 200, {
      success: true,
      result: {
        include_total: true,
        limit,
        offset,
        q: '',
        records_format: 'objects',
        resource_id: query.get('resource_id'),
        sort: query.get('sort'),
        total_estimation_threshold: null,
        records: rows.map((row, i) => ({ _id: i + 1, ...row })).slice(offset, offset + limit),
        fields: [{ id: '_id', type: 'int' }, ...state.fields.map((id) => ({ id, type: 'text' }))],
        _links: { start: '/api/3/action/datastore_search', next: '/api/3/action/datastore_search?offset=100' },
        total: rows.length,
        total_was_estimated: false,
      },
    });
  };
  server.handler = (request, response) => {
    const url = new URL(request.url ?? '', server.url);
    if (url.pathname === '/api/3/action/package_show') return show(url.searchParams.get('id'), request, response);
    if (url.pathname === '/api/3/action/datastore_search') return search(url.searchParams, response);
    const resource = resources.find(({ id }) => url.pathname.includes(`/resource/${id}/`));
    if (!resource) return void response.writeHead(404).end('no page');
    const etag = `"${createHash('sha256').update(resource.content).digest('hex')}"`;
    if (request.headers['if-none-match'] === etag) return void response.writeHead(304).end();
    return void response.writeHead(200, { etag, 'content-type': 'text/csv' }).end(resource.content);
  };
  return {
    server,
    resources,
    rows,
    state,
    upload(name: string, content: string, more: Partial<Stored> = {}): void {
      const known = resources.find((one) => one.name === name);
      const lastModified = `2026-11-01T00:00:00.${String(++uploads).padStart(6, '0')}`;
      if (known) Object.assign(known, { content, lastModified, ...more });
      else resources.push({ id: `r-${resources.length}`, name, format: 'CSV', content, lastModified, ...more });
    },
  };
}

type Portal = Awaited<ReturnType<typeof startPortal>>;

const fixture = async () => {
  const portal = await startPortal();
  return {
    connector: connector as Connector,
    config: { portal: portal.server.url, dataset: 'scores', resource: 'source.csv' },
    network: LOOPBACK,
    async write(csv: string) {
      portal.upload('source.csv', csv);
    },
    async remove() {
      portal.resources.length = 0;
    },
    close: () => portal.server.close(),
  };
};
testConnector(fixture);
testSoftDelete(fixture);

describe('a portal', () => {
  let portal: Portal;
  beforeAll(async () => {
    portal = await startPortal();
  });
  afterAll(() => portal.server.close());
  beforeEach(() => {
    portal.resources.length = 0;
    portal.rows.length = 0;
    portal.server.requests.length = 0;
    Object.assign(portal.state, {
      private: false,
      deleted: false,
      missing: false,
      mostRows: 32_000,
      fields: ['id', 'name'],
    });
  });
  const read = (more: object = {}, options: ReadOnceOptions = {}) =>
    readOnce(connector, { portal: `${portal.server.url}/`, dataset: 'scores', ...more }, options);
  const asked = (): string[] => portal.server.requests.map(({ url }) => new URL(url ?? '', portal.server.url).pathname);

  test('a resource is found by id, name or format, and which ones there are is told otherwise', async () => {
    portal.upload('a.csv', 'id\n1\n');
    portal.upload('b.json', '[{"id":2}]', { format: 'JSON' });
    portal.upload('c.csv', 'id\n3\n');
    const ids = async (resource: string) => rowsOf(await read({ resource }));
    expect(await ids('R-0')).toEqual([['1']]);
    expect(await ids('c.csv')).toEqual([['3']]);
    expect(await ids('json')).toEqual([['2']]);
    await expect(read({ resource: 'csv' })).rejects.toMatchObject({
      code: 'source.ambiguous',
      message: expect.stringContaining('b.json (JSON)'),
    });
    await expect(read()).rejects.toMatchObject({ code: 'source.ambiguous' });
    await expect(read({ resource: 'xlsx' })).rejects.toMatchObject({ code: 'source.missing', actor: 'department' });
  });

  test('an upload that is as it was costs one request, and a link is asked for by its validators', async () => {
    portal.upload('a.csv', 'id\n1\n');
    const { cursor } = endOf(await read());
    portal.server.requests.length = 0;
    expect(typesOf(await read({}, { cursor }))).toEqual(['unchanged']);
    expect(asked()).toEqual(['/api/3/action/package_show']);
    portal.upload('a.csv', 'id\n1\n', { link: `${portal.server.url}/resource/r-0/x.csv`, lastModified: null });
    const linked = endOf(await read({}, { cursor: undefined }));
    portal.server.requests.length = 0;
    expect(typesOf(await read({}, { cursor: linked.cursor }))).toEqual(['unchanged']);
    expect(asked()).toEqual(['/api/3/action/package_show', '/resource/r-0/x.csv']);
    portal.upload('a.csv', 'id\n2\n', { lastModified: null });
    expect(rowsOf(await read({}, { cursor: linked.cursor }))).toEqual([['2']]);
  });

  test('the token goes to the portal as it is, and to no other server', async () => {
    const other = await startServer((_request, response) => void response.end('id\n7\n'));
    portal.state.private = true;
    portal.upload('a.csv', '', { link: `${other.url}/a.csv` });
    await expect(read()).rejects.toMatchObject({ code: 'source.denied', actor: 'department' });
    expect(rowsOf(await read({}, { secrets: { token: TOKEN } }))).toEqual([['7']]);
    expect(portal.server.requests.at(-1)?.headers.authorization).toBe(TOKEN);
    expect(other.requests.map(({ headers }) => headers.authorization)).toEqual([undefined]);
    await expect(read({}, { secrets: { token: 'canary-wrong' } })).rejects.toMatchObject({
      message: expect.not.stringContaining('canary'),
    });
    await other.close();
  });

  test('a dataset or resource that is gone, a file without address and a server that is no CKAN are told', async () => {
    portal.upload('a.csv', 'id\n1\n');
    portal.state.deleted = true;
    await expect(read()).rejects.toMatchObject({ code: 'source.missing' });
    portal.state.missing = true;
    await expect(read()).rejects.toMatchObject({ code: 'source.missing', message: expect.stringContaining('scores') });
    Object.assign(portal.state, { deleted: false, missing: false });
    portal.upload('a.csv', '', { link: '' });
    await expect(read()).rejects.toMatchObject({ code: 'source.missing' });
    const other = await startServer((_request, response) => void response.end('{"success":true,"result":[]}'));
    await expect(read({ portal: other.url })).rejects.toMatchObject({ code: 'source.refused' });
    await other.close();
  });

  describe('its DataStore', () => {
    const stored = { datastore: true, pageRows: 100 };
    const fill = (count: number): void => {
      portal.upload('a.csv', '');
      for (let id = 0; id < count; id++) portal.rows.push({ id, name: id % 2 === 0 ? null : `名${id}` });
    };

    test('is read page by page, also when the portal gives fewer rows than asked for, and unchanged when it is the same', async () => {
      fill(250);
      portal.state.mostRows = 60;
      const messages = await read(stored);
      expect(messages[0]).toMatchObject({ columns: [{ name: 'id' }, { name: 'name' }] });
      expect(rowsOf(messages)).toEqual(
        Array.from({ length: 250 }, (_, id) => [String(id), id % 2 === 0 ? '' : `名${id}`]),
      );
      const { cursor } = endOf(messages);
      expect(typesOf(await read(stored, { cursor }))).toEqual(['unchanged']);
      Object.assign(portal.rows[249] ?? {}, { name: 'new' });
      expect(rowsOf(await read(stored, { cursor })).at(-1)).toEqual(['249', 'new']);
    });

    test('without rows has its columns all the same', async () => {
      fill(0);
      const messages = await read(stored);
      expect(messages[0]).toMatchObject({ columns: [{ name: 'id' }, { name: 'name' }] });
      const { cursor } = endOf(messages);
      expect(typesOf(await read(stored, { cursor }))).toEqual(['unchanged']);
    });

    test('that is loaded anew while it is read is read again later, not half and half', async () => {
      fill(250);
      const { handler } = portal.server;
      let pages = 0;
      portal.server.handler = (request, response) => {
        if (request.url?.includes('datastore_search') && ++pages === 2) portal.rows.length = 180;
        handler(request, response);
      };
      await expect(read(stored)).rejects.toMatchObject({ code: 'source.changed-while-reading', retryable: true });
      portal.server.handler = handler;
    });
  });
});
