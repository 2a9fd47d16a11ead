import { existsSync, readFileSync } from 'node:fs';
import { chown, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../builds/run.js';
import { DATABASE_USER } from '../declared.js';
import { probePostgres } from '../process/probes.js';
import type { EngineFactory } from './types.js';
import { unprivilegedRunner } from './unprivileged.js';

const HOST = '127.0.0.1';
const PORT = 5432;
const INIT_TIMEOUT_MS = 60_000;

/** fsync and synchronous_commit keep their defaults (on): invariant I5 rests on them. */
const SETTINGS: Record<string, string | number> = {
  listen_addresses: HOST,
  unix_socket_directories: '',
  shared_buffers: '64MB',
  max_connections: 60,
  work_mem: '8MB',
  maintenance_work_mem: '32MB',
  max_wal_size: '512MB',
  // One server, no replica and no archive: less WAL for bulk loads.
  wal_level: 'minimal',
  max_wal_senders: 0,
  // Three workers less to keep in memory; the estate's tables fit in the cache.
  io_method: 'sync',
  max_parallel_workers_per_gather: 0,
  jit: 'off',
  log_line_prefix: '%m [%p] ',
  lc_messages: 'C',
};

/** Whether the pid in a left-over postmaster.pid is a server that still runs on this data folder. */
function holderLives(data: string): boolean {
  const pid = Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0]);
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(data);
  } catch {
    // Gone, or a platform without /proc, where PostgreSQL's own check decides.
    return process.platform !== 'linux';
  }
}

/** PostgreSQL on one data folder; as an unprivileged user when we are root. */
export const postgres: EngineFactory = async ({ home, credentials, ports, build }) => {
  const port = await ports.take('postgres', PORT);
  const runner = unprivilegedRunner();
  const folder = join(home.data, 'postgres');
  const data = join(folder, 'data');
  const programs = join(build('postgres'), 'bin');
  const own = async (path: string): Promise<void> => {
    if (runner.uid !== undefined && runner.gid !== undefined) await chown(path, runner.uid, runner.gid);
  };
  const env = { PATH: process.env.PATH ?? '', LC_ALL: 'C', TZ: 'UTC' };

  const initialize = async (): Promise<void> => {
    const fresh = join(folder, 'initializing');
    const password = join(folder, 'password');
    await rm(fresh, { recursive: true, force: true });
    await mkdir(fresh, { mode: 0o700 });
    await own(fresh);
    await writeFile(password, credentials.databasePassword, { mode: 0o600 });
    await own(password);
    const args = ['-D', fresh, '-U', DATABASE_USER, '-A', 'scram-sha-256', `--pwfile=${password}`, '-E', 'UTF8'];
    const locale = ['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--no-instructions'];
    const command = runner.wrap(join(programs, 'initdb'), [...args, ...locale], [programs, data]);
    await run(command.file, command.args, { ...command, cwd: folder, env, timeoutMs: INIT_TIMEOUT_MS });
    await rm(password);
    // Only a whole data folder gets the name that the server is started on.
    await rename(fresh, data);
  };

  return {
    ports: { postgres: port },
    spec: {
      name: 'postgres',
      log: join(home.logs, 'postgres.log'),
      prepare: async () => {
        await mkdir(folder, { recursive: true });
        await own(folder);
        if (!existsSync(data)) await initialize();
        const pidFile = join(data, 'postmaster.pid');
        // After a power cut its pid may belong to another program, and PostgreSQL would refuse to start.
        if (existsSync(pidFile) && !holderLives(data)) await rm(pidFile, { force: true });
      },
      command: () => {
        const options = Object.entries({ ...SETTINGS, port }).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
        return {
          ...runner.wrap(join(programs, 'postgres'), ['-D', data, ...options], [programs, data]),
          env,
          cwd: folder,
        };
      },
      probe: () => probePostgres(port, DATABASE_USER),
      readyTimeoutMs: 60_000,
      // Fast shutdown: ends sessions, writes a checkpoint.
      stopSignal: 'SIGINT',
      stopTimeoutMs: 20_000,
    },
  };
};
