import { join } from 'node:path';
import { ensureBuild, isCached } from '../builds/cache.js';
import { type BuildName, buildOf, readLock } from '../builds/lock.js';
import { findGo, findJava } from '../builds/tools.js';
import { cacheFolder } from '../home.js';
import type { OnProgress } from '../progress.js';
import type { EngineName, FetchedEngines, ObjectStoreKind } from './types.js';

/** MinIO where it is cached or can be compiled, SeaweedFS otherwise; `asked` wins. */
export async function chooseObjectStore(asked?: ObjectStoreKind): Promise<ObjectStoreKind> {
  if (asked) return asked;
  const cached = isCached(join(cacheFolder(), 'engines'), buildOf(readLock(), 'minio'));
  return cached || (await findGo()) !== undefined ? 'minio' : 'seaweedfs';
}

export interface FetchOptions {
  engines: readonly EngineName[];
  objectStore?: ObjectStoreKind | undefined;
  onProgress?: OnProgress | undefined;
}

/** Brings every build that the engines need into the cache, all at once. */
export async function fetchEngines({ engines, objectStore: asked, onProgress }: FetchOptions): Promise<FetchedEngines> {
  const lock = readLock();
  const folder = join(cacheFolder(), 'engines');
  const objectStore = await chooseObjectStore(asked);
  const builds: FetchedEngines['builds'] = {};
  const fetch = async (name: BuildName, javaHome?: string): Promise<string> => {
    const path = await ensureBuild(buildOf(lock, name), { folder, onProgress, javaHome });
    builds[name] = path;
    return path;
  };
  let java: string | undefined;
  const fetchKafka = async (): Promise<void> => {
    const installed = await findJava();
    // Maven needs a Java as well, so the wheel's comes first.
    const runtime = installed ? undefined : await fetch('java');
    await fetch('kafka', runtime);
    java = installed?.path ?? (runtime && join(runtime, 'bin', 'java'));
  };
  const names = engines.map((name) => (name === 'object-store' ? objectStore : name));
  const results = await Promise.allSettled(names.map((name) => (name === 'kafka' ? fetchKafka() : fetch(name))));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
  return { builds, objectStore, java: java ?? 'java' };
}

/** The Temporal test server's program (it skips time), fetched when it is not in the cache. */
export async function ensureTemporalTestServer(onProgress?: OnProgress): Promise<string> {
  const folder = join(cacheFolder(), 'engines');
  const build = await ensureBuild(buildOf(readLock(), 'temporal-test-server'), { folder, onProgress });
  return join(build, 'temporal-test-server');
}
