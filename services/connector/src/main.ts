import { createCatalog } from '@songhua/catalog';
import { createKafkaMessaging } from '@songhua/messaging';
import { loadConfig, runService } from '@songhua/runtime';
import { serviceConfig } from './config.js';
import { startService } from './service.js';

// Takes, results, schedules and requests each hold a connection briefly; more would only wait for the same rows.
const POOL_SIZE = 4;

runService('connector', async (context) => {
  const config = loadConfig(serviceConfig);
  const catalog = await createCatalog({ databaseUrl: config.SONGHUA_DATABASE_URL, poolSize: POOL_SIZE });
  const messaging = createKafkaMessaging({ brokers: config.SONGHUA_KAFKA_BROKERS, clientId: 'songhua-connector' });
  const producer = await messaging.producer();
  const service = await startService({ catalog, producer, config, context });
  context.logger.info({ address: service.address }, 'listening');
  return {
    async stop() {
      await service.stop();
      await producer.close();
      await catalog.close();
    },
  };
});
