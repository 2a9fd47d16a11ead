import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, chown, copyFile, cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort, waitFor } from '@songhua/runtime/testing';
import { debianEnvironment, ensureDebian } from './debian.js';

const execute = promisify(execFile);
const USER = 'songhua';
const PASSWORD = randomBytes(12).toString('hex');
const NOBODY = { uid: 65_534, gid: 65_534 };
const READY_MS = 15_000;

export interface SshServer {
  host: string;
  port: number;
  username: string;
  password: string;
  privateKey: string;
  /** `SHA256:…` */
  hostKey: string;
  /** The folder that logins see under its absolute path; anything may be written there. */
  folder: string;
  stop(): Promise<void>;
}

/** A real OpenSSH server on loopback that takes one key and serves files only. Runs unprivileged, so no account is made for it. */
export async function startSshd(): Promise<SshServer> {
  const base = await mkdtemp(join(tmpdir(), 'songhua-sshd-'));
  // The cache may lie in a home that the unprivileged user cannot enter.
  const tree = join(base, 'tree');
  await cp(await ensureDebian('openssh', ['openssh-server', 'openssh-client', 'libnss-wrapper']), tree, {
    recursive: true,
    verbatimSymlinks: true,
  });
  const env = await debianEnvironment(tree);
  const folder = await mkdtemp(join(tmpdir(), 'songhua-sftp-'));
  const root = process.getuid?.() === 0;
  const { uid, gid } = root ? NOBODY : userInfo();
  for (const name of ['host', 'login'])
    await execute(join(tree, 'usr/bin/ssh-keygen'), ['-q', '-t', 'ed25519', '-N', '', '-f', join(base, name)], { env });
  await copyFile(join(base, 'login.pub'), join(base, 'authorized'));
  const port = await freePort();
  await writeFile(
    join(base, 'config'),
    [
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      `HostKey ${join(base, 'host')}`,
      `AuthorizedKeysFile ${join(base, 'authorized')}`,
      `PidFile ${join(base, 'pid')}`,
      'StrictModes no',
      'UsePAM no',
      'PasswordAuthentication yes',
      'Subsystem sftp internal-sftp',
      'ForceCommand internal-sftp',
      'MaxStartups 100',
    ].join('\n'),
  );
  const { stdout } = await execute(join(tree, 'usr/bin/ssh-keygen'), ['-lf', join(base, 'host.pub')], { env });
  const privateKey = await readFile(join(base, 'login'), 'utf8');
  for (const path of [base, folder]) await chmod(path, 0o755);
  for (const name of ['host', 'config', 'authorized']) await chown(join(base, name), uid, gid);
  await chown(base, uid, gid);
  const accounts = await writeAccounts(base, uid, gid);
  const child = spawn(join(tree, 'usr/sbin/sshd'), ['-D', '-e', '-f', join(base, 'config')], {
    env: { ...env, ...accounts, LD_PRELOAD: await wrapperOf(tree) },
    stdio: ['ignore', 'ignore', 'pipe'],
    ...(root ? { uid, gid } : {}),
  });
  let log = '';
  child.stderr.on('data', (chunk) => {
    log += String(chunk);
  });
  await waitFor(
    'sshd',
    async () => {
      if (child.exitCode === null) return connects(port);
      throw new Error(`sshd ended: ${log}`);
    },
    READY_MS,
  );
  return {
    host: '127.0.0.1',
    port,
    username: USER,
    password: PASSWORD,
    privateKey,
    hostKey: stdout.split(' ')[1] ?? '',
    folder,
    async stop() {
      if (child.exitCode === null) {
        const ended = new Promise((resolve) => child.once('exit', resolve));
        child.kill('SIGTERM');
        await ended;
        // Sessions that are still ending hold its other end.
        child.stderr.destroy();
      }
      await rm(base, { recursive: true, force: true });
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** An account that only this server knows, by nss_wrapper: the server runs unprivileged and serves the user that it runs as. */
async function writeAccounts(base: string, uid: number, gid: number): Promise<NodeJS.ProcessEnv> {
  const { stdout: hash } = await execute('openssl', ['passwd', '-6', PASSWORD]);
  const files = {
    NSS_WRAPPER_PASSWD: `${USER}:x:${uid}:${gid}::${base}:/bin/sh\n`,
    NSS_WRAPPER_GROUP: `${USER}:x:${gid}:\n`,
    NSS_WRAPPER_SHADOW: `${USER}:${hash.trim()}:19000:0:99999:7:::\n`,
  };
  const paths: NodeJS.ProcessEnv = {};
  for (const [name, text] of Object.entries(files)) {
    paths[name] = join(base, name);
    await writeFile(join(base, name), text);
    await chown(join(base, name), uid, gid);
  }
  return paths;
}

async function wrapperOf(tree: string): Promise<string> {
  for (const folder of await readdir(join(tree, 'usr/lib'))) {
    const path = join(tree, 'usr/lib', folder, 'libnss_wrapper.so');
    if (existsSync(path)) return path;
  }
  throw new Error('libnss_wrapper.so is not in the tree');
}

const connects = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
