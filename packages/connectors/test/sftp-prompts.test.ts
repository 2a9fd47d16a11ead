import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import ssh2 from 'ssh2';
import { createSftpConnector } from '../src/index.js';
import { readOnce } from './reading.js';

const { Server, utils } = ssh2;
const PASSWORD = 'p:ss';
let server: InstanceType<typeof Server>;
let hostKey: string;
let prompts: { prompt: string; echo: boolean }[];

/** About one in a few hundred keys that `ssh2` makes cannot be read by it. */
function makeKey() {
  for (;;) {
    const { private: key } = utils.generateKeyPairSync('ed25519');
    const parsed = utils.parseKey(key);
    if (!(parsed instanceof Error)) return { key, parsed };
  }
}

/** A server that takes no password but asks for it, as OpenSSH behind PAM does, and has no files. */
beforeAll(async () => {
  const { key, parsed } = makeKey();
  hostKey = `SHA256:${createHash('sha256').update(parsed.getPublicSSH()).digest('base64').replace(/=$/, '')}`;
  server = new Server({ hostKeys: [key] }, (client) => {
    client.on('error', () => undefined);
    client.on('authentication', (asked) => {
      if (asked.method !== 'keyboard-interactive') return asked.reject(['keyboard-interactive']);
      return asked.prompt(prompts, (answers) => {
        if (answers.length === 1 && answers[0] === PASSWORD) asked.accept();
        else asked.reject(['keyboard-interactive']);
      });
    });
    client.on('session', (accept) => {
      accept().on('sftp', (open) => {
        const sftp = open();
        for (const request of ['STAT', 'LSTAT', 'OPENDIR'] as const)
          sftp.on(request, (id: number) => sftp.status(id, utils.sftp.STATUS_CODE.NO_SUCH_FILE));
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => new Promise<void>((resolve) => server.close(() => resolve())));

const read = (password: string) => {
  const { port } = server.address() as { port: number };
  const config = { host: '127.0.0.1', port, hostKey, path: 'nothing.csv' };
  return readOnce(createSftpConnector(), config, { secrets: { username: 'clerk', password } });
};

test('a server that asks for the password by itself is told it', async () => {
  prompts = [{ prompt: 'Password: ', echo: false }];
  await expect(read(PASSWORD)).rejects.toMatchObject({ code: 'source.missing' });
  await expect(read('wrong')).rejects.toMatchObject({ code: 'source.denied' });
});

test.each([
  ['two answers', [false, false]],
  ['what it shows', [true]],
])('a server that asks for %s is not told the password', async (_, echoes) => {
  prompts = echoes.map((echo) => ({ prompt: 'Code: ', echo }));
  await expect(read(PASSWORD)).rejects.toMatchObject({ code: 'source.denied' });
});
