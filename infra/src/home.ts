import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** Where things are below a state folder. */
export interface Home {
  root: string;
  data: string;
  logs: string;
  run: string;
  temp: string;
  credentials: string;
  /** Folder of keys and tokens, each in a file that only its owner reads. */
  keys: string;
  /** Folder in which people put secrets of connectors. */
  secrets: string;
  ports: string;
  endpoints: string;
  /** Children of the running (or crashed) owner, for whoever comes next. */
  processes: string;
  owner: string;
  plan: string;
  state: string;
  /** Keeps room on the disk for the day that it is full. */
  reserve: string;
}

/** The state folder: the argument, else `$SONGHUA_HOME`, else `.songhua` below `cwd`. */
export function resolveHome(
  folder?: string,
  environment: NodeJS.ProcessEnv = process.env,
  cwd = process.cwd(),
): string {
  return resolve(cwd, folder ?? (environment.SONGHUA_HOME || '.songhua'));
}

/** Of folders with rows that were not screened yet, in any form: nobody else on the machine reads them. */
export const OWNER_ONLY = 0o700;

/** Paths below the state folder; makes the folders. Idempotent. */
export function openHome(folder: string): Home {
  const root = resolve(folder);
  const run = join(root, 'run');
  const home: Home = {
    root,
    data: join(root, 'data'),
    logs: join(root, 'logs'),
    run,
    temp: join(root, 'tmp'),
    credentials: join(root, 'credentials.json'),
    keys: join(root, 'credentials'),
    secrets: join(root, 'secrets'),
    ports: join(root, 'ports.json'),
    endpoints: join(root, 'endpoints.json'),
    processes: join(run, 'processes.json'),
    owner: join(run, 'owner.json'),
    plan: join(run, 'plan.json'),
    state: join(run, 'state.json'),
    reserve: join(root, 'reserve'),
  };
  // Passed through, not listed: PostgreSQL may run as another user, and an inbox may be filled by one.
  for (const path of [root, home.data]) mkdirSync(path, { recursive: true, mode: 0o711 });
  for (const path of [home.logs, run, home.temp]) mkdirSync(path, { recursive: true, mode: OWNER_ONLY });
  return home;
}

/** The user's cache folder for engine builds: `$XDG_CACHE_HOME/songhua`, else `~/.cache/songhua`. */
export function cacheFolder(environment: NodeJS.ProcessEnv = process.env): string {
  return join(environment.XDG_CACHE_HOME || join(homedir(), '.cache'), 'songhua');
}
