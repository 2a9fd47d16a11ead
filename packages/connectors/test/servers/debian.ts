import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);

const cacheFolder = (): string =>
  join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'songhua', 'test-servers');

/**
 * The folder of a tree of Debian packages (`usr/sbin/…` below it), with those of their dependencies that this machine lacks, for
 * servers that nobody should have to install by hand. Needs apt-get and dpkg-deb, but neither root nor an installation; apt
 * verifies what it downloads. Cached as `name`; of several processes that fetch at once one wins, and the tree appears whole.
 */
export async function ensureDebian(name: string, packages: string[]): Promise<string> {
  const folder = join(cacheFolder(), name);
  if (existsSync(folder)) return folder;
  const staged = `${folder}.${process.pid}-${randomBytes(4).toString('hex')}`;
  const [archives, tree] = [join(staged, 'archives'), join(staged, 'tree')];
  try {
    await mkdir(join(archives, 'partial'), { recursive: true });
    await mkdir(tree);
    await download(packages, archives, staged);
    for (const file of (await readdir(archives)).filter((found) => found.endsWith('.deb')))
      await execute('dpkg-deb', ['-x', join(archives, file), tree]);
    await rename(tree, folder).catch((error: unknown) => {
      if (!existsSync(folder)) throw error;
    });
  } finally {
    await rm(staged, { recursive: true, force: true });
  }
  return folder;
}

/** The environment in which programs of such a tree find its libraries. */
export async function debianEnvironment(tree: string): Promise<NodeJS.ProcessEnv> {
  const folders = ['usr/lib', 'lib'].map((folder) => join(tree, folder)).filter((folder) => existsSync(folder));
  const below = await Promise.all(
    folders.map(async (folder) =>
      (await readdir(folder)).filter((found) => found.endsWith('-linux-gnu')).map((found) => join(folder, found)),
    ),
  );
  return {
    ...process.env,
    LD_LIBRARY_PATH: [...below.flat(), ...folders, process.env.LD_LIBRARY_PATH].filter(Boolean).join(':'),
  };
}

/** Downloads by the machine's package lists, or by fresh ones of our own where those are missing or out of date. */
async function download(packages: string[], archives: string, staged: string): Promise<void> {
  // Its download user may not enter root's folders.
  const common = ['-q', '-o', 'APT::Sandbox::User=root'];
  try {
    await fetchAll(packages, archives, common);
  } catch {
    const lists = join(staged, 'lists');
    await mkdir(join(lists, 'partial'), { recursive: true });
    const own = [...common, '-o', `Dir::State::Lists=${lists}`, '-o', `Dir::Cache=${staged}`];
    await execute('apt-get', [...own, 'update']);
    await fetchAll(packages, archives, own);
  }
}

async function fetchAll(packages: string[], archives: string, options: string[]): Promise<void> {
  const simulated = await execute('apt-get', [...options, '-s', 'install', '--no-install-recommends', ...packages]);
  const missing = [...simulated.stdout.matchAll(/^Inst (\S+)/gm)].map(([, found]) => found as string);
  const all = [...new Set([...packages, ...missing])];
  await execute('apt-get', [...options, 'download', ...all], { cwd: archives });
}
