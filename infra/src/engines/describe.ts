import { databaseUrlsOf, ensureCredentials } from '../credentials.js';
import { BUCKET } from '../declared.js';
import { type Endpoints, endpointsOf } from '../endpoints.js';
import { infraError } from '../errors.js';
import type { Home } from '../home.js';
import type { ProcessSpec } from '../process/managed.js';
import type { PortBook } from '../process/ports.js';
import { kafka } from './kafka.js';
import { minio, seaweedfs } from './object-store.js';
import { postgres } from './postgres.js';
import { temporal } from './temporal.js';
import type { EngineContext, EngineName, FetchedEngines } from './types.js';

const HOST = '127.0.0.1';
const FACTORIES = { kafka, temporal, postgres } as const;

export interface DescribeOptions {
  home: Home;
  ports: PortBook;
  engines: readonly EngineName[];
  fetched: FetchedEngines;
  temporalUi: boolean;
  deployment: string;
}

/** Chooses ports and credentials, and says how each engine is run and where it will answer. Starts nothing. */
export async function describeEngines(
  options: DescribeOptions,
): Promise<{ specs: Map<EngineName, ProcessSpec>; endpoints: Endpoints }> {
  const { home, fetched } = options;
  const credentials = ensureCredentials(home.credentials);
  const context: EngineContext = {
    home,
    credentials,
    ports: options.ports,
    build: (name) => {
      const folder = fetched.builds[name];
      if (folder) return folder;
      throw infraError('engine.not-running', `${name} was not fetched`);
    },
    java: fetched.java,
    temporalUi: options.temporalUi,
  };
  const specs = new Map<EngineName, ProcessSpec>();
  const ports: Record<string, number> = {};
  for (const name of options.engines) {
    const store = fetched.objectStore === 'minio' ? minio : seaweedfs;
    const made = await (name === 'object-store' ? store : FACTORIES[name])(context);
    specs.set(name, made.spec);
    Object.assign(ports, made.ports);
  }
  const at = (name: string): string => `${HOST}:${ports[name] ?? 0}`;
  const ui = ports['temporal-ui'];
  const endpoints = endpointsOf(options.deployment, {
    brokers: [at('kafka')],
    temporalAddress: at('temporal'),
    ...(ui === undefined ? {} : { temporalUi: `http://${HOST}:${ui}` }),
    s3: {
      endpoint: `http://${at('object-store')}`,
      accessKey: credentials.s3AccessKey,
      secretKey: credentials.s3SecretKey,
      bucket: BUCKET,
    },
    ...databaseUrlsOf(credentials, at('postgres')),
  });
  return { specs, endpoints };
}
