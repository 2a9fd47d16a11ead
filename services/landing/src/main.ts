import { DEAD_RECORDS_TOPIC, RECORDS_TOPIC } from '@songhua/contracts';
import { connectLanes } from '@songhua/lanes';
import { createKafkaMessaging } from '@songhua/messaging';
import { createMinioStore } from '@songhua/object-store';
import { Counter, loadConfig, runService, sections, startOpsServer } from '@songhua/runtime';
import { z } from 'zod';
import { landPartition } from './partition.js';

const config = z.object({
  ...sections.http.shape,
  ...sections.kafka.shape,
  ...sections.temporal.shape,
  ...sections.objectStore.shape,
  ...sections.lanes.shape,
});

runService('landing', async ({ logger, metrics, fail }) => {
  const env = loadConfig(config);
  const store = createMinioStore({
    endpoint: env.SONGHUA_S3_ENDPOINT,
    accessKey: env.SONGHUA_S3_ACCESS_KEY,
    secretKey: env.SONGHUA_S3_SECRET_KEY,
    bucket: env.SONGHUA_S3_BUCKET,
  });
  const lanes = connectLanes({
    address: env.SONGHUA_TEMPORAL_ADDRESS,
    namespace: env.SONGHUA_TEMPORAL_NAMESPACE,
    lanes: env.SONGHUA_REFRESH_LANES,
  });
  await lanes.ping();
  const syncs = new Counter({
    name: 'songhua_landed_syncs_total',
    help: 'Syncs landed, by result',
    labelNames: ['result'],
    registers: [metrics],
  });
  const rows = new Counter({ name: 'songhua_landed_rows_total', help: 'Rows landed', registers: [metrics] });

  const messaging = createKafkaMessaging({ brokers: env.SONGHUA_KAFKA_BROKERS, clientId: 'songhua-landing' });
  const consumer = await messaging.consume({
    group: 'songhua-landing',
    topic: RECORDS_TOPIC,
    deadLetterTopic: DEAD_RECORDS_TOPIC,
    handlerFor: () =>
      landPartition({
        store,
        dispatch: lanes.dispatch,
        logger,
        landed(sync) {
          syncs.inc({ result: sync.problem?.code ?? 'whole' });
          rows.inc(sync.rows);
        },
      }),
  });
  consumer.finished.catch(fail);
  const ops = await startOpsServer({
    host: env.SONGHUA_HTTP_HOST,
    port: env.SONGHUA_HTTP_PORT,
    metrics,
    ready: lanes.ping,
  });

  return {
    async stop() {
      await ops.close();
      await consumer.close();
      await lanes.close();
    },
  };
});
