import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { freePort, waitFor } from '@songhua/runtime/testing';
import { createConnection } from 'mysql2/promise';
import { debianEnvironment, ensureDebian } from './debian.js';

export interface MariaDb {
  port: number;
  /** A user who may do everything. */
  username: string;
  password: string;
  /** Runs statements one after the other in `database`. */
  execute(database: string, ...statements: string[]): Promise<void>;
  /** Stops the server at once, as a crash does, or in good order, and starts it again on the same data and port. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

const PASSWORD = 'songhua-test';
// In this order the system tables are made, as mariadb-install-db does it.
const BOOTSTRAP = ['mysql_system_tables.sql', 'mysql_system_tables_data.sql', 'fill_help_tables.sql'];
// The first line makes the new tables count, without which no account can be made.
const ACCOUNTS = `
FLUSH PRIVILEGES;
CREATE USER 'songhua'@'127.0.0.1' IDENTIFIED BY '${PASSWORD}';
GRANT ALL ON *.* TO 'songhua'@'127.0.0.1' WITH GRANT OPTION;
`;

/** A MariaDB of the test's own on a free port of loopback: an installed one, else the Debian package, unpacked. */
export async function startMariaDb(options: { args?: string[] } = {}): Promise<MariaDb> {
  const { program, share, env } = await findMariaDb();
  const folder = await mkdtemp(join(tmpdir(), 'songhua-mariadb-'));
  const data = join(folder, 'data');
  await mkdir(data);
  await writeFile(join(folder, 'empty.cnf'), '');
  const port = await freePort();
  const common = [
    `--defaults-file=${join(folder, 'empty.cnf')}`,
    `--datadir=${data}`,
    `--lc-messages-dir=${share}`,
    `--character-sets-dir=${join(share, 'charsets')}`,
    // Everything below the folder is ours, and the server refuses root unless told.
    ...(process.getuid?.() === 0 ? ['--user=root'] : []),
    // Small: the tests share a machine with the engines.
    '--innodb-buffer-pool-size=16M',
    '--innodb-log-file-size=4M',
    '--key-buffer-size=1M',
    '--innodb-flush-log-at-trx-commit=0',
  ];
  const scripts = await Promise.all(BOOTSTRAP.map((name) => readFile(join(share, name), 'utf8')));
  await bootstrap(
    program,
    [...common, '--bootstrap'],
    env,
    ['CREATE DATABASE mysql;\nUSE mysql;\n', ...scripts, ACCOUNTS].join('\n'),
  );

  let output = '';
  let server: ChildProcess;
  const start = async (): Promise<void> => {
    const args = [
      `--port=${port}`,
      '--bind-address=127.0.0.1',
      `--socket=${join(folder, 'socket')}`,
      `--pid-file=${join(folder, 'pid')}`,
      '--skip-name-resolve',
      '--skip-log-bin',
      '--character-set-server=utf8mb4',
      ...(options.args ?? []),
    ];
    const child = spawn(program, [...common, ...args], { env, stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr.on('data', (chunk) => {
      output += String(chunk);
    });
    server = child;
    await waitFor('MariaDB to answer', async () => {
      if (child.exitCode !== null) throw new Error(output.slice(-2000));
      const connection = await createConnection({ host: '127.0.0.1', port, user: 'songhua', password: PASSWORD });
      await connection.end();
      return true;
    });
  };
  const kill = async (): Promise<void> => {
    if (server.exitCode !== null || server.signalCode !== null) return;
    const gone = new Promise((resolve) => server.once('exit', resolve));
    server.kill('SIGKILL');
    await gone;
  };
  await start();
  return {
    port,
    username: 'songhua',
    password: PASSWORD,
    async execute(database, ...statements) {
      const connection = await createConnection({
        host: '127.0.0.1',
        port,
        user: 'songhua',
        password: PASSWORD,
        database,
      });
      try {
        for (const statement of statements) await connection.query(statement);
      } finally {
        await connection.end();
      }
    },
    async restart() {
      await kill();
      await start();
    },
    async stop() {
      await kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

interface Found {
  program: string;
  /** Messages, character sets and the scripts of the system tables. */
  share: string;
  env: NodeJS.ProcessEnv;
}

async function findMariaDb(): Promise<Found> {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin'];
  const installed = folders.map((folder) => join(folder, 'mariadbd')).find((path) => existsSync(path));
  const share = '/usr/share/mysql';
  if (installed !== undefined && existsSync(join(share, BOOTSTRAP[0] ?? '')))
    return { program: installed, share, env: process.env };
  const tree = await ensureDebian('mariadb', ['mariadb-server-core']);
  return { program: join(tree, 'usr/sbin/mariadbd'), share: join(tree, share), env: await debianEnvironment(tree) };
}

function bootstrap(program: string, args: string[], env: NodeJS.ProcessEnv, script: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env, stdio: ['pipe', 'ignore', 'pipe'] });
    let output = '';
    child.stderr.on('data', (chunk) => {
      output += String(chunk);
    });
    child.once('error', reject);
    child.once('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`MariaDB could not be set up: ${output.slice(-2000)}`)),
    );
    child.stdin.end(script);
  });
}
