import type { ServerResponse } from 'node:http';
import { startServer } from '@songhua/connectors/testing';
import { type Source, type StartSources, tableFor, toCsv } from './source.js';

const TOKEN = 'token-of-the-portal';
const FILE = { id: 'resource-1', name: 'source.csv', format: 'CSV', last_modified: '2026-11-01T00:00:00.000001' };

/** A portal that answers as CKAN does: a private dataset of one resource, as a file and in the DataStore. */
export const ckan: StartSources = async ({ document }) => {
  const table = tableFor(document);
  const { columns, rows } = table;
  const server = await startServer();
  const answer = (response: ServerResponse, result: object): void => {
    response.writeHead(200, { 'content-type': 'application/json;charset=utf-8' });
    response.end(JSON.stringify({ help: `${server.url}/api/3/action/help_show`, success: true, result }));
  };
  const search = (query: URLSearchParams, response: ServerResponse): void => {
    const [offset, limit] = [Number(query.get('offset')), Math.min(Number(query.get('limit')), 25)];
    answer(response, {
      fields: [{ id: '_id', type: 'int' }, ...columns.map((id) => ({ id, type: 'text' }))],
      records: rows
        .map((row, at) => Object.fromEntries([['_id', at + 1], ...columns.map((name, of) => [name, row[of] || null])]))
        .slice(offset, offset + limit),
      total: rows.length,
    });
  };
  server.handler = (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', server.url);
    if (request.headers.authorization !== TOKEN) return void response.writeHead(403).end('{"success":false}');
    if (pathname === '/api/3/action/package_show')
      return answer(response, {
        name: searchParams.get('id'),
        state: 'active',
        resources: [{ ...FILE, state: 'active', datastore_active: true, url: `${server.url}/download/source.csv` }],
      });
    if (pathname === '/api/3/action/datastore_search') return search(searchParams, response);
    return void response.writeHead(200, { 'content-type': 'text/csv' }).end(toCsv(table));
  };
  const source = (title: string, more: Record<string, unknown>): Source => ({
    kind: 'ckan',
    title,
    config: { portal: server.url },
    more: { resource: FILE.name, ...more },
    secrets: { token: TOKEN },
    table,
  });
  return {
    sources: [
      source('the file of a resource', { datastore: false }),
      source('rows of the DataStore', { datastore: true }),
    ],
    stop: () => server.close(),
  };
};
