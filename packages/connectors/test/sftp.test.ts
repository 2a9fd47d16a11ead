import { chmod, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Connector } from '@songhua/connector-sdk';
import { testConnector } from '@songhua/connector-sdk/conformance';
import { createSftpConnector } from '../src/index.js';
import { endOf, LOOPBACK, type ReadOnceOptions, readOnce, rowsOf, typesOf } from './reading.js';
import { type SshServer, startSshd } from './servers/sshd.js';
import { testSoftDelete } from './soft-delete-suite.js';

let server: SshServer;
beforeAll(async () => {
  server = await startSshd();
}, 120_000);
afterAll(() => server.stop());

const connector = createSftpConnector();
const configFor = (path: string) => ({
  host: server.host,
  port: server.port,
  path: join(server.folder, path),
  hostKey: server.hostKey,
});
const secrets = () => ({ username: server.username, privateKey: server.privateKey });
const read = (path: string, options: ReadOnceOptions = {}) =>
  readOnce(connector, configFor(path), { secrets: secrets(), ...options });
const put = async (name: string, text: string, age = 60) => {
  await writeFile(join(server.folder, name), text);
  const at = Date.now() / 1000 - age;
  await utimes(join(server.folder, name), at, at);
};

const fixture = async () => ({
  connector: connector as Connector,
  config: configFor('source.csv'),
  secrets: secrets(),
  network: LOOPBACK,
  write: (csv: string) => writeFile(join(server.folder, 'source.csv'), csv),
  remove: () => rm(join(server.folder, 'source.csv')),
  close: async () => undefined,
});
testConnector(fixture);
testSoftDelete(fixture);

describe('a folder on an SFTP server', () => {
  test('every file that matches is read in full mode, and only new and changed ones in append mode', async () => {
    await put('s-1.csv', 'id,v\n1,a\n');
    await put('s-2.csv', 'id,v\n2,b\n');
    await put('other.csv', 'id,v\n9,z\n');
    const first = await read('s-*.csv', { mode: 'append' });
    expect(rowsOf(first)).toEqual([
      ['1', 'a'],
      ['2', 'b'],
    ]);
    await put('s-3.csv', 'id,v\n3,c\n', 30);
    const { cursor } = endOf(first);
    expect(rowsOf(await read('s-*.csv', { mode: 'append', cursor }))).toEqual([['3', 'c']]);
    expect(rowsOf(await read('s-*.csv', { mode: 'full', cursor })).map(([id]) => id)).toEqual(['1', '2', '3']);
  });

  test('files whose size and time are the same are not even fetched', async () => {
    await put('same.csv', 'id,v\n1,a\n');
    const { cursor } = endOf(await read('same.csv'));
    expect(typesOf(await read('same.csv', { cursor }))).toEqual(['unchanged']);
  });

  test('a file touched within the last two seconds is fetched again, because whole seconds cannot tell', async () => {
    await put('fresh.csv', 'id,v\n1,a\n', 0);
    const { cursor } = endOf(await read('fresh.csv'));
    await put('fresh.csv', 'id,v\n1,b\n', 0);
    expect(rowsOf(await read('fresh.csv', { cursor }))).toEqual([['1', 'b']]);
  });
});

describe('who is to blame', () => {
  test('a server that shows another key is refused before anything is sent to it, and the key it shows is told', async () => {
    const config = { ...configFor('source.csv'), hostKey: `SHA256:${'A'.repeat(43)}` };
    await expect(readOnce(connector, config, { secrets: secrets() })).rejects.toMatchObject({
      code: 'source.refused',
      message: expect.stringContaining(server.hostKey),
    });
  });

  test('a password is as good as a key', async () => {
    await put('password.csv', 'id\n1\n');
    const { username, password } = server;
    expect(rowsOf(await read('password.csv', { secrets: { username, password } }))).toEqual([['1']]);
  });

  test('a login that is not accepted is the department’s to mend', async () => {
    await expect(
      read('source.csv', { secrets: { username: server.username, password: 'canary' } }),
    ).rejects.toMatchObject({
      code: 'source.denied',
      actor: 'department',
      message: expect.not.stringContaining('canary'),
    });
  });

  test('a login without a secret says which secrets to give', async () => {
    await expect(read('source.csv', { secrets: {} })).rejects.toMatchObject({ code: 'connector.config-invalid' });
  });

  test('a file that may not be read is denied, not missing', async () => {
    await put('locked.csv', 'id\n1\n');
    await chmod(join(server.folder, 'locked.csv'), 0o000);
    await expect(read('locked.csv')).rejects.toMatchObject({ code: 'source.denied' });
  });

  test('a private key that is no key is told without showing it', async () => {
    const failing = read('source.csv', { secrets: { username: server.username, privateKey: 'canary-key' } });
    await expect(failing).rejects.toMatchObject({
      code: 'connector.config-invalid',
      message: expect.not.stringContaining('canary'),
    });
  });
});
