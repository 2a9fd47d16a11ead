import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { applyMigrations, createCatalog, type DatabaseRoles } from '@songhua/catalog';
import {
  type Resource,
  type SyncProgress,
  type SyncRange,
  syncAcceptedSchema,
  syncProgressSchema,
} from '@songhua/contracts';
import { newApiKey } from '@songhua/domain';
import {
  declareDeployment,
  type Endpoints,
  endpointEnvironment,
  endpointsOf,
  type RunningEngines,
  startEngines,
  wipeDeployment,
} from '@songhua/infra';
import { freePort, waitFor } from '@songhua/runtime/testing';
import { SERVICES, type ServiceName, type ServiceUnderTest, startService } from './services.js';

/** A whole Songhua of a test's own: four engines (or names of its own in shared ones), four services (or more replicas), one state folder. */
export interface System {
  home: string;
  /** Shared ones are not this system's to stop, kill or restart. */
  engines: RunningEngines;
  services: Map<string, ServiceUnderTest>;
  service(label: string): ServiceUnderTest;
  apiUrl: string;
  /** Of an operator. */
  operatorKey: string;
  get<T = unknown>(path: string): Promise<T>;
  post<T = unknown>(path: string, body: unknown): Promise<T>;
  apply(resources: Resource[]): Promise<void>;
  /** Runs connectors now; resolves when every sync is in a terminal state and every version announced. */
  sync(
    which: { all: true } | { connectors: string[] },
    options?: { full?: boolean; reset?: boolean; range?: SyncRange; timeoutMs?: number },
  ): Promise<SyncProgress>;
  /** Ends the services, and the engines that are its own; those that are shared forget the deployment when `wipe` says so. */
  stop(options?: { wipe?: boolean }): Promise<void>;
}

export async function startSystem(options: {
  home: string;
  fileRoots: string[];
  /** Running ones to share, as a deployment; its own are started when absent. */
  engines?: { endpoints: Endpoints };
  /** What its names in the engines are made from; needed where they are shared. */
  deployment?: string;
  replicas?: Partial<Record<ServiceName, number>>;
}): Promise<System> {
  const { home } = options;
  const operatorKey = newApiKey().key;
  mkdirSync(join(home, 'tmp'), { recursive: true });
  const { deployment = '' } = options;
  const onDatabaseReady = (url: string, roles: DatabaseRoles): Promise<void> =>
    prepareDatabase(url, roles, operatorKey);
  const engines = options.engines
    ? await shareEngines(endpointsOf(deployment, options.engines.endpoints), onDatabaseReady)
    : await startEngines({ home: join(home, 'engines'), deployment, onDatabaseReady });
  const ports = new Map<string, number>();
  const labels = SERVICES.flatMap((name) =>
    Array.from({ length: options.replicas?.[name] ?? 1 }, (_, i) => ({
      name,
      label: i === 0 ? name : `${name}-${i + 1}`,
    })),
  );
  for (const { label } of labels) ports.set(label, await freePort());
  const apiUrl = `http://127.0.0.1:${ports.get('catalog')}`;
  const env = {
    SONGHUA_HTTP_HOST: '127.0.0.1',
    SONGHUA_CONNECTOR_URL: `http://127.0.0.1:${ports.get('connector')}`,
    SONGHUA_TEMP_DIR: join(home, 'tmp'),
    SONGHUA_KEK: `k1:${randomBytes(32).toString('base64')}`,
    SONGHUA_INTERNAL_TOKEN: randomBytes(32).toString('base64url'),
    SONGHUA_FILE_ROOTS: options.fileRoots.join(':'),
    // The tests' departments answer on loopback.
    SONGHUA_NETWORK_ALLOW: '127.0.0.1/32',
    // A killed replica's syncs are taken over after seconds, not half a minute.
    SONGHUA_SYNC_LEASE_SECONDS: '3',
    SONGHUA_LOG_LEVEL: 'debug',
  };
  const services = new Map<string, ServiceUnderTest>();
  const started = await Promise.allSettled(
    labels.map(async ({ name, label }) => {
      const own = { ...endpointEnvironment(engines.endpoints, name), ...env };
      services.set(label, await startService({ name, label, port: ports.get(label) ?? 0, home, env: own }));
    }),
  );
  const failed = started.find((one) => one.status === 'rejected');
  if (failed) {
    // Its caller has no system to stop.
    await Promise.all([...services.values()].map((service) => service.stop()));
    await engines.stop();
    throw failed.reason;
  }

  const call = async <T>(path: string, init?: RequestInit): Promise<T> => {
    const response = await fetch(new URL(path, apiUrl), {
      ...init,
      headers: { authorization: `Bearer ${operatorKey}`, ...(init?.body && { 'content-type': 'application/json' }) },
    });
    const body = (await response.json()) as T;
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${JSON.stringify(body)}`);
    return body;
  };
  const post = <T>(path: string, body: unknown): Promise<T> =>
    call<T>(path, { method: 'POST', body: JSON.stringify(body) });

  return {
    home,
    engines,
    services,
    service(label) {
      const found = services.get(label);
      if (!found) throw new Error(`no service ${label}`);
      return found;
    },
    apiUrl,
    operatorKey,
    get: (path) => call(path),
    post,
    async apply(resources) {
      await post('/api/v1/resources:apply', resources);
    },
    async sync(which, { timeoutMs = 120_000, ...how } = {}) {
      // The request id makes a repeated call claim the same slots, so that a call lost to a crash can simply be made again.
      const request = `test-${process.pid}-${Date.now()}`;
      await waitFor(
        'the syncs to be claimed',
        async () => syncAcceptedSchema.safeParse(await post('/api/v1/syncs', { ...which, ...how, request })).success,
        timeoutMs,
      );
      let progress: SyncProgress | undefined;
      await waitFor(
        'every sync to end',
        async () => {
          progress = syncProgressSchema.parse(await call(`/api/v1/sync-requests/${request}`));
          const { total, published, unchanged, held, failed, unannounced } = progress;
          return total > 0 && published + unchanged + held + failed === total && unannounced === 0;
        },
        timeoutMs,
      );
      if (!progress) throw new Error('no progress was read');
      return progress;
    },
    async stop({ wipe = false } = {}) {
      await Promise.all([...services.values()].map((service) => service.stop()));
      await engines.stop();
      if (wipe && options.engines) await wipeDeployment(engines.endpoints);
    },
  };
}

/** Names of a deployment's own in engines that run for others, too. */
async function shareEngines(
  endpoints: Endpoints,
  onDatabaseReady: (url: string, roles: DatabaseRoles) => Promise<void>,
): Promise<RunningEngines> {
  await declareDeployment({ endpoints, onDatabaseReady });
  const refuse = async (): Promise<never> => {
    throw new Error('these engines are shared: a test that stops engines starts its own');
  };
  return { endpoints, objectStore: 'minio', pids: {}, stop: async () => undefined, kill: refuse, restart: refuse };
}

/** The engines of the whole test run, as `global-setup` tells them. */
export function sharedEngines(): { endpoints: Endpoints } {
  const told = (name: string): string => {
    const value = process.env[`SONGHUA_TEST_${name}`];
    if (!value) throw new Error(`SONGHUA_TEST_${name} is not set: \`npm test\` sets it`);
    return value;
  };
  const endpoints = endpointsOf('', {
    brokers: told('KAFKA_BROKERS').split(','),
    temporalAddress: told('TEMPORAL_ADDRESS'),
    s3: {
      endpoint: told('S3_ENDPOINT'),
      accessKey: told('S3_ACCESS_KEY'),
      secretKey: told('S3_SECRET_KEY'),
      bucket: 'songhua',
    },
    databaseUrl: told('DATABASE_URL'),
    serviceDatabaseUrls: Object.fromEntries(SERVICES.map((service) => [service, asRole(told('DATABASE_URL'))])),
  });
  return { endpoints };
}

/** What `startSystem` needs for a deployment of a suite's own in the engines of the whole test run. */
export const deploymentOf = (suite: string): { engines: { endpoints: Endpoints }; deployment: string } => ({
  engines: sharedEngines(),
  deployment: `${suite}-${randomBytes(4).toString('hex')}`,
});

/** With a password that every process of the test run works out alike; the role is named after the deployment. */
const asRole = (url: string): string =>
  Object.assign(new URL(url), { password: createHash('sha256').update(url).digest('hex') }).href;

async function prepareDatabase(databaseUrl: string, roles: DatabaseRoles, operatorKey: string): Promise<void> {
  await applyMigrations(databaseUrl, roles);
  const catalog = createCatalog({ databaseUrl, poolSize: 1 });
  try {
    await catalog.access.ensureOperator(operatorKey);
  } finally {
    await catalog.close();
  }
}
