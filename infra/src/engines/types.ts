import type { Build, BuildName } from '../builds/lock.js';
import type { Credentials } from '../credentials.js';
import type { Home } from '../home.js';
import type { ProcessSpec } from '../process/managed.js';
import type { PortBook } from '../process/ports.js';

export const ENGINE_NAMES = ['postgres', 'kafka', 'temporal', 'object-store'] as const;
export type EngineName = (typeof ENGINE_NAMES)[number];
export type ObjectStoreKind = 'minio' | 'seaweedfs';

export interface EngineContext {
  home: Home;
  credentials: Credentials;
  ports: PortBook;
  /** The folder of a fetched build. */
  build(name: BuildName): string;
  /** The Java program to run Kafka with. */
  java(): string;
  /** Temporal's web page, too. */
  temporalUi: boolean;
}

/** Makes an engine's process description; takes its ports. */
export type EngineFactory = (context: EngineContext) => Promise<{ spec: ProcessSpec; ports: Record<string, number> }>;

export type { Build };
