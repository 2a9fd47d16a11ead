import { join } from 'node:path';
import { ensureBuild, isCached } from '../builds/cache.js';
import { type BuildName, buildOf, readLock } from '../builds/lock.js';
import { findGo, findJava } from '../builds/tools.js';
import { ensureCredentials } from '../credentials.js';
import { BUCKET, DATABASE, DATABASE_USER, TEMPORAL_NAMESPACE } from '../declared.js';
import type { Endpoints } from '../endpoints.js';
import { cacheFolder, type Home } from '../home.js';
import type { ProcessSpec } from '../process/managed.js';
import { createPortBook } from '../process/ports.js';
import type { OnProgress } from '../progress.js';
import { kafka } from './kafka.js';
import { minio, seaweedfs } from './object-store.js';
import { postgres } from './postgres.js';
import { temporal } from './temporal.js';
import { ENGINE_NAMES, type EngineContext, type EngineName, type ObjectStoreKind } from './types.js';

export interface EngineSetOptions {
  home: Home;
  engines?: readonly EngineName[] | undefined;
  objectStore?: ObjectStoreKind | undefined;
  temporalUi?: boolean | undefined;
  onProgress?: OnProgress | undefined;
}

export interface EngineSet {
  specs: Map<EngineName, ProcessSpec>;
  endpoints: Endpoints;
  objectStore: ObjectStoreKind;
  build(name: BuildName): string;
}

const HOST = '127.0.0.1';
const FACTORIES = { kafka, temporal, postgres } as const;

/** MinIO where it is cached or can be compiled, SeaweedFS otherwise; `asked` wins. */
export async function chooseObjectStore(asked: ObjectStoreKind | undefined): Promise<ObjectStoreKind> {
  if (asked) return asked;
  const cached = isCached(join(cacheFolder(), 'engines'), buildOf(readLock(), 'minio'));
  return cached || (await findGo()) !== undefined ? 'minio' : 'seaweedfs';
}

/** Fetches what the engines need, all at once, and returns the folder of each build. */
async function fetchBuilds(
  names: readonly BuildName[],
  onProgress: OnProgress | undefined,
): Promise<{ folders: Map<BuildName, string>; java: string }> {
  const lock = readLock();
  const folder = join(cacheFolder(), 'engines');
  const installed = await findJava();
  const folders = new Map<BuildName, string>();
  const fetch = async (name: BuildName, javaHome?: string): Promise<string> => {
    const path = await ensureBuild(buildOf(lock, name), { folder, onProgress, javaHome });
    folders.set(name, path);
    return path;
  };
  const java = { program: installed?.path ?? 'java' };
  const withJava = async (): Promise<void> => {
    if (installed) {
      await fetch('kafka');
      return;
    }
    const runtime = await fetch('java');
    java.program = join(runtime, 'bin', 'java');
    await fetch('kafka', runtime);
  };
  await Promise.all(names.map((name) => (name === 'kafka' ? withJava() : fetch(name))));
  return { folders, java: java.program };
}

/** Fetches builds, chooses ports and credentials: everything up to the start of the engines. */
export async function prepareEngines(options: EngineSetOptions): Promise<EngineSet> {
  const { home, onProgress } = options;
  const names = options.engines ?? ENGINE_NAMES;
  const objectStore = await chooseObjectStore(options.objectStore);
  const wanted = names.map((name) => (name === 'object-store' ? objectStore : name));
  const { folders, java } = await fetchBuilds(wanted, onProgress);
  const credentials = ensureCredentials(home.credentials);
  const context: EngineContext = {
    home,
    credentials,
    ports: createPortBook(home.ports),
    build: (name) => folders.get(name) ?? '',
    java: () => java,
    temporalUi: options.temporalUi ?? false,
  };
  const specs = new Map<EngineName, ProcessSpec>();
  const ports: Record<string, number> = {};
  for (const name of names) {
    const factory = name === 'object-store' ? (objectStore === 'minio' ? minio : seaweedfs) : FACTORIES[name];
    const made = await factory(context);
    specs.set(name, made.spec);
    Object.assign(ports, made.ports);
  }
  const at = (name: string): string => `${HOST}:${ports[name] ?? 0}`;
  const ui = ports['temporal-ui'];
  const endpoints: Endpoints = {
    brokers: [at('kafka')],
    temporalAddress: at('temporal'),
    temporalNamespace: TEMPORAL_NAMESPACE,
    ...(ui === undefined ? {} : { temporalUi: `http://${HOST}:${ui}` }),
    s3: {
      endpoint: `http://${at('object-store')}`,
      accessKey: credentials.s3AccessKey,
      secretKey: credentials.s3SecretKey,
      bucket: BUCKET,
    },
    databaseUrl: `postgresql://${DATABASE_USER}:${credentials.databasePassword}@${at('postgres')}/${DATABASE}`,
  };
  return { specs, endpoints, objectStore, build: context.build };
}
