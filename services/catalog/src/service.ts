import { rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createServedCatalog } from '@songhua/catalog/catalog';
import { namesOf } from '@songhua/contracts';
import { connectLanes } from '@songhua/lanes';
import { createKafkaMessaging } from '@songhua/messaging';
import { createMinioStore } from '@songhua/object-store';
import { createReadiness, openProcessFolder, type RunningService, type ServiceContext } from '@songhua/runtime';
import type { Tables } from '@songhua/tables';
import { startAnchors } from './access/anchors.js';
import { createAuthenticate } from './access/authenticate.js';
import type { DeclaredRoute } from './access/declare.js';
import { createTokenVerifier, type OidcOptions } from './access/oidc.js';
import { createRefusals } from './access/refusals.js';
import { createCollector } from './collection/collector.js';
import type { CatalogConfig } from './config.js';
import { createFeed } from './feed.js';
import { createParquetCache } from './files/parquet-cache.js';
import { createRenders } from './files/renders.js';
import { startHandover } from './handover.js';
import { createApp } from './http/app.js';
import { startRelay } from './relay.js';
import { createUpstream } from './upstream.js';

const MIB = 1024 * 1024;
const POOL = 8;
// Requests share one DuckDB; a second thread would take the core that answers the others.
const THREADS = 1;

/** The public gateway: HTTP interface, version files, and the relay of committed versions to Kafka. */
export async function startCatalogService(
  config: CatalogConfig,
  { logger, metrics }: Omit<ServiceContext, 'fail'>,
  connect: typeof connectLanes = connectLanes,
): Promise<RunningService & { port: number; routes: readonly DeclaredRoute[] }> {
  const tempDirectory = await openProcessFolder(config.SONGHUA_TEMP_DIR, 'catalog');
  const names = namesOf(config.SONGHUA_DEPLOYMENT);
  const catalog = createServedCatalog({
    databaseUrl: config.SONGHUA_DATABASE_URL,
    poolSize: POOL,
    applicationName: 'songhua-catalog',
  });
  const store = createMinioStore({
    endpoint: config.SONGHUA_S3_ENDPOINT,
    accessKey: config.SONGHUA_S3_ACCESS_KEY,
    secretKey: config.SONGHUA_S3_SECRET_KEY,
    bucket: config.SONGHUA_S3_BUCKET,
    prefix: names.bucketPrefix,
  });
  let engine: Promise<Tables> | undefined;
  const tables = (): Promise<Tables> => {
    // DuckDB takes about 60 MB, so only a request that needs it loads it.
    engine ??= import('@songhua/tables').then(({ createTables }) =>
      createTables({ memoryMb: config.SONGHUA_CATALOG_MEMORY_MB, threads: THREADS, tempDirectory }),
    );
    return engine;
  };
  const cache = createParquetCache(store, join(tempDirectory, 'parquet'), config.SONGHUA_CATALOG_CACHE_MB * MIB);
  const renders = createRenders({
    catalog: catalog.estate,
    store,
    cache,
    tables,
    tempDirectory: join(tempDirectory, 'renders'),
  });
  const messaging = createKafkaMessaging({
    brokers: config.SONGHUA_KAFKA_BROKERS,
    clientId: 'songhua-catalog',
  });
  const producer = await messaging.producer();
  const feed = createFeed(catalog.estate, logger);
  const relay = startRelay({ catalog: catalog.estate, producer, topic: names.topics.versions, logger, metrics });
  const unlisten = catalog.listen('songhua_outbox', () => {
    relay.wake();
    feed.wake();
  });
  const lanes = connect({
    address: config.SONGHUA_TEMPORAL_ADDRESS,
    namespace: config.SONGHUA_TEMPORAL_NAMESPACE,
    lanes: config.SONGHUA_REFRESH_LANES,
    names,
  });
  const handover = startHandover({ syncs: catalog.syncs, estate: catalog.estate, lanes, logger });
  const now = (): Date => new Date();
  const anchors = startAnchors({ audit: catalog.audit, store, logger, now });
  const collector = createCollector({
    collection: catalog.collection,
    audit: catalog.audit,
    store,
    heads: () => anchors.list(),
    retention: config,
    logger,
    metrics,
    now,
  });
  const { SONGHUA_OIDC_ISSUER: issuer, SONGHUA_DEV_ISSUER_KEYS: keysFile } = config;
  const { app, routes } = await createApp({
    catalog,
    store,
    tables,
    cache,
    renders,
    feed,
    lanes,
    handover,
    pushes: { folder: tempDirectory, maxBytes: config.SONGHUA_PUSH_MAX_BYTES },
    connectors: createUpstream(config.SONGHUA_CONNECTOR_URL, config.SONGHUA_INTERNAL_TOKEN),
    authenticate: createAuthenticate({
      access: catalog.access,
      logger,
      verifyToken: issuer === undefined ? undefined : createTokenVerifier(oidcOptions(issuer, config)),
    }),
    refusals: createRefusals({ audit: catalog.audit, logger, metrics, now }),
    anchors,
    collector,
    devIssuer: issuer !== undefined && keysFile !== undefined ? { issuer, keysFile } : undefined,
    ready: createReadiness({
      postgres: () => catalog.ping(),
      kafka: messaging.ping,
      'object-store': store.ping,
      temporal: lanes.ping,
    }),
    metrics,
    logger,
    now,
  });
  await app.listen({ host: config.SONGHUA_HTTP_HOST, port: config.SONGHUA_HTTP_PORT });
  const { port } = app.server.address() as AddressInfo;
  logger.info({ port }, 'listening');

  return {
    port,
    routes,
    async stop() {
      await app.close();
      await collector.close();
      await anchors.close();
      await unlisten();
      await relay.close();
      handover.close();
      await lanes.close();
      await producer.close();
      await (await engine)?.close();
      await catalog.close();
      await rm(tempDirectory, { recursive: true, force: true });
    },
  };
}

const oidcOptions = (issuer: string, config: CatalogConfig): OidcOptions => ({
  issuer,
  audience: config.SONGHUA_OIDC_AUDIENCE,
  roleClaim: config.SONGHUA_OIDC_ROLE_CLAIM,
  roles: config.SONGHUA_OIDC_ROLES,
  departmentClaim: config.SONGHUA_OIDC_DEPARTMENT_CLAIM,
});
