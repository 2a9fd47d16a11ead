import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createRefreshCatalog } from '@songhua/catalog/refresh';
import { namesOf } from '@songhua/contracts';
import { createMinioStore } from '@songhua/object-store';
import {
  Counter,
  createReadiness,
  Histogram,
  loadConfig,
  openProcessFolder,
  runService,
  sections,
  startOpsServer,
} from '@songhua/runtime';
import { createTables } from '@songhua/tables';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { z } from 'zod';
import { createActivities, type RefreshMetrics } from './activities.js';

const config = z.object({
  ...sections.deployment.shape,
  ...sections.http.shape,
  ...sections.temporal.shape,
  ...sections.objectStore.shape,
  ...sections.database.shape,
  ...sections.files.shape,
  /** Refresh activities at once; a little above the cores, because each waits for the network between its steps. */
  SONGHUA_REFRESH_CONCURRENCY: z.coerce.number().int().min(1).max(64).default(3),
  SONGHUA_REFRESH_THREADS: z.coerce.number().int().min(1).max(64).default(2),
  SONGHUA_REFRESH_MEMORY_MB: z.coerce.number().int().min(64).default(192),
});

runService('refresh', async ({ logger, metrics, fail }) => {
  const env = loadConfig(config);
  const names = namesOf(env.SONGHUA_DEPLOYMENT);
  const { SONGHUA_TEMPORAL_NAMESPACE: namespace = names.namespace } = env;
  const tempDirectory = await openProcessFolder(env.SONGHUA_TEMP_DIR, 'refresh');

  Runtime.install({
    // runService decides when to stop, and stops the worker.
    shutdownSignals: [],
    logger: new DefaultLogger('WARN', (entry) => logger.warn({ temporal: entry.meta }, entry.message)),
  });
  const catalog = createRefreshCatalog({
    databaseUrl: env.SONGHUA_DATABASE_URL,
    poolSize: env.SONGHUA_REFRESH_CONCURRENCY,
    deployment: names.deployment,
  });
  const store = createMinioStore({
    endpoint: env.SONGHUA_S3_ENDPOINT,
    accessKey: env.SONGHUA_S3_ACCESS_KEY,
    secretKey: env.SONGHUA_S3_SECRET_KEY,
    bucket: env.SONGHUA_S3_BUCKET,
    prefix: names.bucketPrefix,
  });
  const tables = createTables({
    memoryMb: env.SONGHUA_REFRESH_MEMORY_MB,
    threads: env.SONGHUA_REFRESH_THREADS,
    tempDirectory,
  });
  const connection = await NativeConnection.connect({ address: env.SONGHUA_TEMPORAL_ADDRESS });
  const worker = await Worker.create({
    connection,
    namespace,
    taskQueue: names.taskQueue,
    workflowBundle: { codePath: join(__dirname, 'workflow-bundle.js') },
    activities: createActivities({
      store,
      refreshes: catalog.refreshes,
      replays: catalog.replays,
      tables,
      tempDirectory,
      logger,
      metrics: refreshMetrics(),
    }),
    maxConcurrentActivityTaskExecutions: env.SONGHUA_REFRESH_CONCURRENCY,
    maxCachedWorkflows: 32,
    workflowThreadPoolSize: 1,
    shutdownGraceTime: '15 seconds',
  });
  const finished = worker.run().catch(fail);
  const ops = await startOpsServer({
    host: env.SONGHUA_HTTP_HOST,
    port: env.SONGHUA_HTTP_PORT,
    metrics,
    ready: createReadiness({
      postgres: () => catalog.ping(),
      temporal: () => connection.workflowService.describeNamespace({ namespace }),
      'object-store': store.ping,
    }),
  });

  return {
    async stop() {
      await ops.close();
      worker.shutdown();
      await finished;
      await tables.close();
      await catalog.close();
      await connection.close();
      await rm(tempDirectory, { recursive: true, force: true });
    },
  };

  function refreshMetrics(): RefreshMetrics {
    const outcomes = new Counter({
      name: 'songhua_refreshes_total',
      help: 'Refreshes by outcome',
      labelNames: ['state', 'code'],
      registers: [metrics],
    });
    const duration = new Histogram({
      name: 'songhua_refresh_seconds',
      help: 'Seconds from the start of a refresh to its terminal state',
      labelNames: ['state'],
      buckets: [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 15, 60, 300],
      registers: [metrics],
    });
    return {
      outcome(state, code, seconds) {
        outcomes.inc({ state, code });
        duration.observe({ state }, seconds);
      },
    };
  }
});
