import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { ConnectorRecord } from '@songhua/catalog';
import type { ConnectorCatalog } from '@songhua/catalog/connector';
import { connectorKinds } from '@songhua/connectors';
import { reasonOf } from '@songhua/domain';
import type { Messaging, Producer } from '@songhua/messaging';
import type { ObjectStore } from '@songhua/object-store';
import {
  createKeyring,
  createReadiness,
  openProcessFolder,
  type RunningService,
  type ServiceContext,
} from '@songhua/runtime';
import { startCare } from './care.js';
import type { ServiceConfig } from './config.js';
import { createHttp } from './http.js';
import { pushedTo } from './ingest.js';
import { createMeters } from './meters.js';
import { createNetworks } from './networks.js';
import { claimSlots } from './requests.js';
import { createResultWriter } from './results.js';
import { runSync } from './run-sync.js';
import { createScheduler } from './scheduler.js';
import { createSecretResolver } from './secrets.js';
import { createTrials } from './trials/trials.js';
import { createVault, sealReadable } from './vault.js';
import { startWatch } from './watch.js';
import { startWorker } from './worker.js';

export interface ServiceParts {
  catalog: ConnectorCatalog;
  messaging: Pick<Messaging, 'ping'>;
  producer: Producer;
  /** Read by dry runs, and by syncs of what was pushed. */
  store: Pick<ObjectStore, 'download' | 'ping'>;
  /** Where record batches go. */
  topic: string;
  /** How long a stop lets running syncs end before it gives them back. */
  stopGraceMs?: number;
  config: ServiceConfig;
  context: Pick<ServiceContext, 'logger' | 'metrics'>;
}

// The channel that the catalog's `enqueue` notifies.
const SYNCS_CHANNEL = 'songhua_syncs';
// Below the runtime's own limit for a stop, with room for the last results.
const STOP_GRACE_MS = 12_000;
const DAY_MS = 86_400_000;

/** Starts one replica of the connector service; `address` is where its HTTP interface listens. */
export async function startService(parts: ServiceParts): Promise<RunningService & { address: string }> {
  const { catalog, producer, config } = parts;
  const { logger, metrics } = parts.context;
  const owner = `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`;
  const tempDir = await openProcessFolder(config.SONGHUA_TEMP_DIR, 'connector');

  const kinds = connectorKinds({
    fileRoots: config.SONGHUA_FILE_ROOTS,
    driverFolder: config.SONGHUA_DRIVERS_DIR,
  });
  const networkOf = createNetworks(config.SONGHUA_NETWORK_ALLOW);
  const secrets = createSecretResolver(config.SONGHUA_SECRETS_DIR);
  const limits = {
    maxBytes: config.SONGHUA_SOURCE_MAX_BYTES,
    timeoutMs: config.SONGHUA_SOURCE_TIMEOUT_SECONDS * 1000,
  };
  const meters = createMeters(metrics);
  const vault = createVault(catalog, createKeyring(config));
  const stored = (connector: ConnectorRecord) => vault.stored(connector);
  const run = {
    pushed: pushedTo(catalog, parts.store),
    producer,
    topic: parts.topic,
    kinds,
    secrets,
    stored,
    networkOf,
    tempDir,
    limits,
    logger,
  };
  const worker = startWorker({
    owner,
    syncs: catalog.syncs,
    connectors: catalog.connectors,
    results: createResultWriter(catalog.syncs, owner, logger),
    run: (job) => runSync(run, job),
    ended(sync, result, seconds) {
      meters.ended(sync, result, seconds);
      if (result.state === 'failed') care.look();
    },
    logger,
    concurrency: config.SONGHUA_SYNC_CONCURRENCY,
    leaseSeconds: config.SONGHUA_SYNC_LEASE_SECONDS,
  });
  const scheduler = createScheduler({
    connectors: catalog.connectors,
    async enqueue(slots) {
      const waiting = await catalog.health.skip(
        slots.map(({ connector, slot }) => ({ connectorId: connector.id, slot })),
      );
      if (waiting.size > 0) logger.info({ slots: waiting.size }, 'slots passed over: their sources are left alone');
      const open = slots.filter(({ connector }) => !waiting.has(connector.id));
      if (open.length > 0) await claimSlots(catalog, open);
      worker.wake();
    },
    logger,
    jitterMs: config.SONGHUA_SCHEDULE_JITTER_SECONDS * 1000,
  });
  // Notice what another replica or the catalog service enqueued without waiting for the next poll.
  const unlisten = catalog.listen(SYNCS_CHANNEL, worker.wake);
  const watch = startWatch(
    catalog.syncs,
    { landingMinutes: config.SONGHUA_REFRESH_LIMIT_MINUTES, leaseSeconds: config.SONGHUA_SYNC_LEASE_SECONDS },
    { logger, requeued: worker.wake },
  );
  const care = startCare({
    catalog,
    policy: {
      suspendAfter: config.SONGHUA_SUSPEND_AFTER_FAILURES,
      suspendAfterMs: config.SONGHUA_SUSPEND_AFTER_DAYS * DAY_MS,
      firstWaitMs: config.SONGHUA_RETRY_AFTER_SECONDS * 1000,
    },
    logger,
    wake: worker.wake,
    reload: scheduler.reload,
  });
  const http = createHttp({
    catalog,
    kinds,
    vault,
    trials: createTrials({
      connectors: catalog.connectors,
      kinds,
      secrets,
      stored,
      networkOf,
      store: parts.store,
      tempDir,
      limits,
    }),
    internalToken: config.SONGHUA_INTERNAL_TOKEN,
    metrics,
    logger,
    ready: createReadiness({
      postgres: () => catalog.ping(),
      kafka: () => parts.messaging.ping(),
      'object-store': () => parts.store.ping(),
    }),
    wake: worker.wake,
    reload: scheduler.reload,
  });
  await scheduler.reload();
  await sealReadable(vault, catalog).catch((error: unknown) =>
    logger.error({ reason: reasonOf(error) }, 'stored secrets that are readable could not be sealed'),
  );
  const address = await http.listen({ host: config.SONGHUA_HTTP_HOST, port: config.SONGHUA_HTTP_PORT });
  scheduler.catchUp().catch((error: unknown) => logger.warn({ reason: reasonOf(error) }, 'catching up failed'));

  return {
    address,
    async stop() {
      await http.close();
      await scheduler.stop();
      watch.stop();
      await care.stop();
      await unlisten();
      await worker.stop(parts.stopGraceMs ?? STOP_GRACE_MS);
      await kinds.close();
      await rm(tempDir, { recursive: true, force: true });
    },
  };
}
