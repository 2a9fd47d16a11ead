import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { lock as lockFolder } from 'proper-lockfile';
import { z } from 'zod';
import { sha256File } from '../files.js';
import { type OnProgress, reporter } from '../progress.js';
import { type FetchContext, fetchBuild, stage } from './fetch.js';
import { type Build, INFRA_FOLDER } from './lock.js';

// A compile holds the lock for minutes; its holder renews it, so a dead one is noticed after this.
const LOCK_STALE_MS = 20_000;
const SEAL = '.sealed.json';

const sealSchema = z.object({ recipe: z.string(), files: z.record(z.string(), z.string()) });

export interface EnsureOptions {
  /** Folder of all builds: `<cache>/engines`. */
  folder: string;
  onProgress?: OnProgress | undefined;
  javaHome?: string | undefined;
  /** Brings a build into its folder; the registries' clients when absent. */
  fetch?: (context: FetchContext) => Promise<void>;
}

/** Changes when the lock asks for other bytes under the same version. */
async function recipeOf(build: Build): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(build));
  if (build.client === 'go') hash.update(await readFile(join(INFRA_FOLDER, build.name, 'go.sum')));
  return hash.digest('hex');
}

/** Executables and jars: what is run, and so is checked again before each use. */
async function sealedFiles(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of await readdir(folder)) if (/\.jar$|^[\w-]+$/.test(name)) found.push(name);
  const files = found.filter((name) => name !== 'lib' && name !== 'share' && name !== 'conf' && name !== 'legal');
  const programs = files.includes('bin') ? await readdir(join(folder, 'bin')) : [];
  return [...files.filter((name) => name !== 'bin' && name !== 'include'), ...programs.map((name) => `bin/${name}`)];
}

async function seal(folder: string, recipe: string): Promise<void> {
  const files: Record<string, string> = {};
  for (const file of await sealedFiles(folder)) files[file] = await sha256File(join(folder, file));
  await writeFile(join(folder, SEAL), JSON.stringify({ recipe, files }, null, 2));
}

async function isWhole(folder: string, recipe: string): Promise<boolean> {
  if (!existsSync(join(folder, SEAL))) return false;
  const parsed = sealSchema.safeParse(JSON.parse(await readFile(join(folder, SEAL), 'utf8')));
  if (!parsed.success || parsed.data.recipe !== recipe) return false;
  for (const [file, expected] of Object.entries(parsed.data.files)) {
    if (!existsSync(join(folder, file)) || (await sha256File(join(folder, file))) !== expected) return false;
  }
  return true;
}

/** Where a build is (or would be) in the cache. */
export const buildFolder = (folder: string, build: Build): string => join(folder, `${build.name}-${build.version}`);

/** Whether a build is in the cache, as far as can be told without reading it. */
export const isCached = (folder: string, build: Build): boolean => existsSync(join(buildFolder(folder, build), SEAL));

/**
 * The folder of a build, fetched when it is not there or no longer what was sealed. One process fetches, others wait; a build
 * appears whole, by one rename.
 */
export async function ensureBuild(build: Build, options: EnsureOptions): Promise<string> {
  const report = reporter(build.name, options.onProgress);
  const final = buildFolder(options.folder, build);
  const recipe = await recipeOf(build);
  if (await isWhole(final, recipe)) {
    report('cached', build.version);
    return final;
  }
  await mkdir(options.folder, { recursive: true });
  report('waiting');
  const release = await lockFolder(final, {
    realpath: false,
    stale: LOCK_STALE_MS,
    // A machine that slept through its renewals may meet another fetcher; each works apart and publishes a whole build.
    onCompromised: () => undefined,
    retries: { forever: true, factor: 1, minTimeout: 250, maxTimeout: 250 },
  });
  try {
    if (await isWhole(final, recipe)) {
      report('cached', build.version);
      return final;
    }
    const staged = await stage(final);
    try {
      const { target, scratch } = staged;
      await (options.fetch ?? fetchBuild)({ build, target, scratch, report, javaHome: options.javaHome });
      await seal(target, recipe);
      await staged.publish();
    } finally {
      await staged.drop();
    }
    report('cached', build.version);
    return final;
  } finally {
    // Fails when it was taken over, which does no harm.
    await release().catch(() => undefined);
  }
}
