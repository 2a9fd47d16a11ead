import { createLandingCatalog } from '@songhua/catalog/landing';
import { namesOf } from '@songhua/contracts';
import { connectLanes } from '@songhua/lanes';
import { createKafkaMessaging } from '@songhua/messaging';
import { createMinioStore } from '@songhua/object-store';
import { Counter, createReadiness, loadConfig, runService, sections, startOpsServer } from '@songhua/runtime';
import { z } from 'zod';
import { createLaneTeller } from './lane-teller.js';
import { landPartition } from './partition.js';

// Partitions land beside each other, and recording a landing is short.
const POOL = 4;

const config = z.object({
  ...sections.deployment.shape,
  ...sections.http.shape,
  ...sections.kafka.shape,
  ...sections.temporal.shape,
  ...sections.objectStore.shape,
  ...sections.database.shape,
  ...sections.lanes.shape,
});

runService('landing', async ({ logger, metrics, fail }) => {
  const env = loadConfig(config);
  const names = namesOf(env.SONGHUA_DEPLOYMENT);
  const catalog = createLandingCatalog({
    databaseUrl: env.SONGHUA_DATABASE_URL,
    poolSize: POOL,
    applicationName: 'songhua-landing',
  });
  const store = createMinioStore({
    endpoint: env.SONGHUA_S3_ENDPOINT,
    accessKey: env.SONGHUA_S3_ACCESS_KEY,
    secretKey: env.SONGHUA_S3_SECRET_KEY,
    bucket: env.SONGHUA_S3_BUCKET,
    prefix: names.bucketPrefix,
  });
  const lanes = connectLanes({
    address: env.SONGHUA_TEMPORAL_ADDRESS,
    namespace: env.SONGHUA_TEMPORAL_NAMESPACE,
    lanes: env.SONGHUA_REFRESH_LANES,
    names,
  });
  const teller = createLaneTeller({ dispatch: lanes.dispatch, logger });
  const syncs = new Counter({
    name: 'songhua_landed_syncs_total',
    help: 'Syncs landed, by result',
    labelNames: ['result'],
    registers: [metrics],
  });
  const rows = new Counter({ name: 'songhua_landed_rows_total', help: 'Rows landed', registers: [metrics] });

  const messaging = createKafkaMessaging({ brokers: env.SONGHUA_KAFKA_BROKERS, clientId: 'songhua-landing' });
  const consumer = await messaging.consume({
    group: names.landingGroup,
    topic: names.topics.records,
    deadLetterTopic: names.topics.deadRecords,
    handlerFor: () =>
      landPartition({
        store,
        syncs: catalog.syncs,
        tellLane: teller.tell,
        logger,
        landed(result, count) {
          syncs.inc({ result });
          rows.inc(count);
        },
      }),
  });
  consumer.finished.catch(fail);
  const ops = await startOpsServer({
    host: env.SONGHUA_HTTP_HOST,
    port: env.SONGHUA_HTTP_PORT,
    metrics,
    ready: createReadiness({
      postgres: () => catalog.ping(),
      kafka: messaging.ping,
      temporal: lanes.ping,
      'object-store': store.ping,
    }),
  });

  return {
    async stop() {
      await ops.close();
      await consumer.close();
      teller.close();
      await lanes.close();
      await catalog.close();
    },
  };
});
