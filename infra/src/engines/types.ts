import type { BuildName } from '../builds/lock.js';
import type { Credentials } from '../credentials.js';
import type { Home } from '../home.js';
import type { ProcessSpec } from '../process/managed.js';
import type { PortBook } from '../process/ports.js';

export const ENGINE_NAMES = ['postgres', 'kafka', 'temporal', 'object-store'] as const;
export type EngineName = (typeof ENGINE_NAMES)[number];
export const OBJECT_STORES = ['minio', 'seaweedfs'] as const;
export type ObjectStoreKind = (typeof OBJECT_STORES)[number];

/** What is in the cache for a set of engines. */
export interface FetchedEngines {
  builds: Partial<Record<BuildName, string>>;
  objectStore: ObjectStoreKind;
  /** The Java program to run Kafka with. */
  java: string;
}

export interface EngineContext {
  home: Home;
  credentials: Credentials;
  ports: PortBook;
  /** The folder of a fetched build. */
  build(name: BuildName): string;
  java: string;
  /** Temporal's web page, too. */
  temporalUi: boolean;
}

/** Says how an engine is run; takes its ports. */
export type EngineFactory = (context: EngineContext) => Promise<{ spec: ProcessSpec; ports: Record<string, number> }>;
