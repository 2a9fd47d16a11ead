import { createConnectorCatalog } from '@songhua/catalog/connector';
import { namesOf } from '@songhua/contracts';
import { createKafkaMessaging } from '@songhua/messaging';
import { createMinioStore } from '@songhua/object-store';
import { loadConfig, runService } from '@songhua/runtime';
import { serviceConfig } from './config.js';
import { startService } from './service.js';

// Takes, results, schedules and requests each hold a connection briefly; more would only wait for the same rows.
const POOL_SIZE = 4;

runService('connector', async (context) => {
  const config = loadConfig(serviceConfig);
  const names = namesOf(config.SONGHUA_DEPLOYMENT);
  const catalog = createConnectorCatalog({ databaseUrl: config.SONGHUA_DATABASE_URL, poolSize: POOL_SIZE });
  const messaging = createKafkaMessaging({ brokers: config.SONGHUA_KAFKA_BROKERS, clientId: 'songhua-connector' });
  const producer = await messaging.producer();
  const store = createMinioStore({
    endpoint: config.SONGHUA_S3_ENDPOINT,
    accessKey: config.SONGHUA_S3_ACCESS_KEY,
    secretKey: config.SONGHUA_S3_SECRET_KEY,
    bucket: config.SONGHUA_S3_BUCKET,
    prefix: names.bucketPrefix,
  });
  const service = await startService({
    catalog,
    messaging,
    producer,
    store,
    topic: names.topics.records,
    config,
    context,
  });
  context.logger.info({ address: service.address }, 'listening');
  return {
    async stop() {
      await service.stop();
      await producer.close();
      await catalog.close();
    },
  };
});
