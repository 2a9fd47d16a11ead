import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Connector } from '@songhua/connector-sdk';
import { createDriverConnectors, createNetwork } from '../src/index.js';
import { endOf, LOOPBACK, readOnce, rowsOf } from './reading.js';

const kindOf = (kind: string, folder?: string): Connector =>
  createDriverConnectors({ folder }).find((one) => one.kind === kind) as unknown as Connector;

let server: Server;
let folder: string;
let connections = 0;

/**
 * Stands for a driver that cannot come along with the tests: it connects as the real one does, and answers by what the statements ask.
 * What it is told is kept in `globalThis`, because it is loaded as any module.
 */
const DRIVER = `
const { connect } = require('node:net');
exports.OUT_FORMAT_ARRAY = 1;
exports.STRING = 2;
exports.getConnection = async ({ connectString, user, password }) => {
  if (password !== 'right') throw Object.assign(new Error('ORA-01017: invalid credential'), { code: 'ORA-01017', errorNum: 1017 });
  const [host, port] = connectString.split('/')[0].split(':');
  const socket = connect(Number(port), host);
  await new Promise((resolve, reject) => socket.once('data', resolve).once('error', reject));
  return {
    async execute(text, values, options) {
      require('node:fs').appendFileSync(__dirname + '/said', JSON.stringify([text, values]) + '\\n');
      if (text.includes('NOPE')) throw Object.assign(new Error('ORA-00942'), { code: 'ORA-00942', errorNum: 942 });
      if (text.includes('1 = 0')) return { metaData: [{ name: 'ID', dbTypeName: 'NUMBER', scale: 0 }, { name: 'AT', dbTypeName: 'DATE' }] };
      if (text.includes('ALL_TAB_COLUMNS'))
        return { rows: [['HR', 'ITEMS', '3', 'ID', 'NUMBER', '0', '1'], ['HR', 'ITEMS', '3', 'AT', 'DATE', null, null]] };
      if (text.includes('MAX(')) return { rows: [['2026-11-01 10:00:00']] };
      if (!options.resultSet) return { rows: [] };
      const rows = [['1', '2026-11-01 10:00:00', '1'], ['2', null, '1'], ['3', Buffer.from([0, 255]), '0']];
      return { resultSet: { getRows: async (count) => rows.splice(0, count), close: async () => {} } };
    },
    close: async () => socket.destroy(),
  };
};
`;

beforeAll(async () => {
  server = createServer((socket) => {
    connections++;
    socket.on('error', () => undefined);
    socket.write('hello');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  folder = await mkdtemp(join(tmpdir(), 'songhua-drivers-'));
  const module = join(folder, 'node_modules', 'oracledb');
  await mkdir(module, { recursive: true });
  await writeFile(join(module, 'index.js'), DRIVER);
});
afterAll(async () => {
  server?.close();
  await rm(folder, { recursive: true, force: true });
});

const config = () => ({
  host: '127.0.0.1',
  port: (server.address() as { port: number }).port,
  database: 'ORCL',
  tls: { mode: 'off' },
  table: 'ITEMS',
  cursor: { column: 'AT' },
});
const secrets = { username: 'reader', password: 'right' };

test.each([
  ['oracle', 'oracledb'],
  ['sqlserver', 'mssql'],
  ['dameng', 'dmdb'],
])('kind %s without its driver says to the operator what to install', async (kind, driver) => {
  const empty = await mkdtemp(join(tmpdir(), 'songhua-no-driver-'));
  const failed = readOnce(kindOf(kind, empty), config(), { secrets });
  await expect(failed).rejects.toMatchObject({
    code: 'connector.driver-missing',
    actor: 'operator',
    retryable: false,
    message: expect.stringContaining(`npm install --prefix ${empty} ${driver}`),
  });
  await rm(empty, { recursive: true });
});

describe('through an installed driver', () => {
  test('rows are read by the common rules, over the guarded network', async () => {
    const before = connections;
    const messages = await readOnce(kindOf('oracle', folder), config(), { secrets, mode: 'merge', primaryKey: ['ID'] });
    expect(rowsOf(messages)).toEqual([
      ['1', '2026-11-01 10:00:00'],
      ['2', ''],
      ['3', '00ff'],
    ]);
    expect(endOf(messages).cursor).toMatchObject({ value: '2026-11-01 10:00:00' });
    expect(connections).toBe(before + 1);
  });

  test('a DATE of Oracle is a time, which may be a cursor', async () => {
    const tempDir = folder;
    const given = {
      config: kindOf('oracle', folder).configSchema.parse(config()),
      secrets,
      tempDir,
      network: LOOPBACK,
    };
    const streams = await kindOf('oracle', folder).discover({
      ...given,
      cursor: undefined,
      signal: new AbortController().signal,
      limits: { maxBytes: 1_000_000, timeoutMs: 10_000 },
      mode: 'full',
      primaryKey: [],
    });
    expect(streams).toMatchObject([{ key: ['ID'], types: { ID: 'integer', AT: 'datetime' }, cursors: ['ID', 'AT'] }]);
  });

  test('an address that connectors may not reach is refused before the driver is asked', async () => {
    const before = connections;
    const network = createNetwork({ allowed: [] });
    await expect(readOnce(kindOf('oracle', folder), config(), { secrets, network })).rejects.toMatchObject({
      code: 'connector.address-refused',
    });
    expect(connections).toBe(before);
  });

  test('its codes are told as whose they are', async () => {
    const read = (extra: object, given = secrets) =>
      readOnce(kindOf('oracle', folder), { ...config(), ...extra }, { secrets: given });
    await expect(read({}, { ...secrets, password: 'wrong' })).rejects.toMatchObject({ code: 'source.denied' });
    await expect(read({ table: 'NOPE' })).rejects.toMatchObject({ code: 'source.missing' });
  });
});
