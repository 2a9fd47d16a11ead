import { type Answer, type Asked, startApi } from '@songhua/connectors/testing';
import type { KindDocument } from './document.js';
import { type Source, type StartSources, type Table, tableFor } from './source.js';

const PAGE = 25;
const TOKEN = 'token-of-the-test';
const bearer = (asked: Asked): boolean => asked.headers.authorization === `Bearer ${TOKEN}`;
const basic = (asked: Asked, login: string): boolean =>
  asked.headers.authorization === `Basic ${Buffer.from(login).toString('base64')}`;

/** Rows as JSON text, so that long numbers keep their digits. */
function jsonOf({ columns, rows }: Table, from: number, size = PAGE): string {
  const value = (text: string): string => (text === '' ? 'null' : /^\d{16}$/.test(text) ? text : JSON.stringify(text));
  const records = rows
    .slice(from, from + size)
    .map((row) => `{${columns.map((column, at) => `${JSON.stringify(column)}:${value(row[at] ?? '')}`).join(',')}}`);
  return `[${records.join(',')}]`;
}

interface Endpoint {
  title: string;
  allows(asked: Asked): boolean;
  answer(asked: Asked, table: Table, url: string): Omit<Answer, 'body'> & { json: string };
  more: Record<string, unknown>;
  secrets: Record<string, string>;
}

const OAUTH_SECRETS = { clientId: 'taxi-department', clientSecret: 'p:ss' };
const number = ({ query }: Asked, name: string, absent: number): number => Number(query.get(name) ?? absent);

const ENDPOINTS: Record<string, Endpoint> = {
  '/pages': {
    title: 'pages by number, bearer token',
    allows: bearer,
    answer: (asked, table) => ({ json: `{"data":${jsonOf(table, (number(asked, 'page', 1) - 1) * PAGE)}}` }),
    more: { authentication: { type: 'bearer' }, pagination: { type: 'page' } },
    secrets: { token: TOKEN },
  },
  '/offsets': {
    title: 'offsets, API key in a header',
    allows: ({ headers }) => headers['x-api-key'] === 'key-1',
    answer: (asked, table) => ({
      json: `{"total":${table.rows.length},"rows":${jsonOf(table, number(asked, 'skip', 0))}}`,
    }),
    more: {
      authentication: { type: 'apiKey', header: { 'X-Api-Key': 'key' } },
      pagination: { type: 'offset', parameter: 'skip', total: '/total' },
    },
    secrets: { key: 'key-1' },
  },
  '/links': {
    title: 'header Link, user name and password',
    allows: (asked) => basic(asked, 'clerk:p:ss'),
    answer(asked, table, url) {
      const from = number(asked, 'from', 0);
      const next = from + PAGE < table.rows.length;
      return {
        json: jsonOf(table, from),
        ...(next && { headers: { link: `<${url}/links?from=${from + PAGE}>; rel="next"` } }),
      };
    },
    more: { authentication: { type: 'basic' }, pagination: { type: 'link' } },
    secrets: { username: 'clerk', password: 'p:ss' },
  },
  '/tokens': {
    title: 'a token for the next page, OAuth 2',
    allows: bearer,
    answer(asked, table) {
      const from = number(asked, 'after', 0);
      const next = from + PAGE < table.rows.length ? `"${from + PAGE}"` : 'null';
      return { json: `{"items":${jsonOf(table, from)},"meta":{"next":${next}}}` };
    },
    more: { pagination: { type: 'cursor', parameter: 'after', token: '/meta/next' } },
    secrets: OAUTH_SECRETS,
  },
  '/next': {
    title: 'an address of the next page in the answer, POST, API key in the query',
    allows: ({ query, method, text }) => query.get('key') === 'key-2' && method === 'POST' && text.includes('道里区'),
    answer(asked, table, url) {
      const from = number(asked, 'from', 0);
      const next = from + PAGE < table.rows.length ? `"${url}/next?from=${from + PAGE}"` : 'null';
      return { json: `{"next":${next},"results":${jsonOf(table, from)}}` };
    },
    more: {
      method: 'POST',
      body: { json: { district: '道里区' } },
      authentication: { type: 'apiKey', query: { key: 'key' } },
      pagination: { type: 'link', next: '/next' },
    },
    secrets: { key: 'key-2' },
  },
};

// The first day of the document's windows, so that there are few of them.
const FIRST_DAY = new Date(Date.now() - 4 * 86_400_000).toISOString().slice(0, 10);

/** What the document's own config asks for: days, each in pages of five rows, in the body of a POST. */
function documented(asked: Asked, table: Table): Answer {
  if (!bearer(asked)) return { status: 401 };
  const {
    city,
    pageNo = 1,
    startDate,
  } = JSON.parse(asked.text) as { city: string; pageNo?: number; startDate: string };
  const day = Math.round((Date.parse(startDate) - Date.parse(FIRST_DAY)) / 86_400_000);
  const rows = city === '哈尔滨' ? table.rows.filter((_, row) => row % 4 === day) : [];
  const list = jsonOf({ ...table, rows }, (pageNo - 1) * 5, 5);
  return {
    headers: { 'content-type': 'application/json' },
    body: `{"data":{"total":${rows.length},"list":${list}}}`,
  };
}

const documentedConfig = ({ connector }: KindDocument, url: string): Record<string, unknown> => {
  const { authentication, window } = connector.spec.config as Record<'authentication' | 'window', object>;
  return {
    url: `${url}/documented`,
    authentication: { ...authentication, tokenUrl: `${url}/oauth` },
    window: { ...window, from: FIRST_DAY },
  };
};

/** An HTTP server: what the document shows, each pagination, each authentication. */
export const http: StartSources = async ({ document }: { document: KindDocument }) => {
  const table = tableFor(document);
  const api = await startApi((asked) => {
    if (asked.path === '/oauth')
      // Both are form-encoded first, as RFC 6749 says.
      return basic(asked, 'taxi-department:p%3Ass')
        ? { body: { access_token: TOKEN, token_type: 'Bearer', expires_in: 3600 } }
        : { status: 401 };
    if (asked.path === '/documented') return documented(asked, table);
    const endpoint = ENDPOINTS[asked.path];
    if (!endpoint) return { status: 404 };
    if (!endpoint.allows(asked)) return { status: 401 };
    const { json, headers, status = 200 } = endpoint.answer(asked, table, api.url);
    return { status, headers: { 'content-type': 'application/json', ...headers }, body: json };
  });
  const without = Object.fromEntries(
    Object.keys(document.connector.spec.config).map((field) => [field, undefined] as const),
  );
  const sources: Source[] = [
    {
      kind: 'http',
      title: 'pages of windows in the body of a POST, OAuth 2, as documented',
      config: documentedConfig(document, api.url),
      secrets: OAUTH_SECRETS,
      table,
    },
    ...Object.entries(ENDPOINTS).map(([path, { title, more, secrets }]): Source => {
      const oauth = { authentication: { type: 'oauth2', tokenUrl: `${api.url}/oauth` } };
      return {
        kind: 'http',
        title,
        mode: 'full',
        config: {},
        more: { ...without, ...(path === '/tokens' && oauth), ...more, url: `${api.url}${path}` },
        secrets,
        table,
      };
    }),
  ];
  return { sources, stop: () => api.close() };
};
