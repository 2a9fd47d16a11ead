import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import { type Endpoints, endpointsOf } from '@songhua/infra';
import { freePort } from '@songhua/runtime/testing';
import { DockerComposeEnvironment, getContainerRuntimeClient, Wait } from 'testcontainers';

const infra = resolve(__dirname, '../../infra');

/** Whether a Docker engine answers, so that tests may use containers. `SONGHUA_ENGINES=native` says not to. */
export async function containersAnswer(): Promise<boolean> {
  if (process.env.SONGHUA_ENGINES === 'native') return false;
  return getContainerRuntimeClient().then(
    () => true,
    () => false,
  );
}

/** The four engines of `infra/compose.yaml` by Testcontainers, which also removes them when the run is killed. */
export async function startContainers(): Promise<{ endpoints: Endpoints; stop(): Promise<void> }> {
  const [kafka, temporal, ui, s3, postgres] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ];
  const secret = randomBytes(16).toString('hex');
  const environment = await new DockerComposeEnvironment(infra, 'compose.yaml')
    .withEnvironment({
      SONGHUA_KAFKA_PORT: String(kafka),
      SONGHUA_TEMPORAL_PORT: String(temporal),
      SONGHUA_TEMPORAL_UI_PORT: String(ui),
      SONGHUA_S3_PORT: String(s3),
      SONGHUA_S3_ACCESS_KEY: 'songhua-test',
      SONGHUA_S3_SECRET_KEY: secret,
      SONGHUA_POSTGRES_PORT: String(postgres),
      SONGHUA_DATABASE_PASSWORD: secret,
    })
    .withDefaultWaitStrategy(Wait.forListeningPorts())
    .up();
  return {
    endpoints: endpointsOf('', {
      brokers: [`127.0.0.1:${kafka}`],
      temporalAddress: `127.0.0.1:${temporal}`,
      temporalUi: `http://127.0.0.1:${ui}`,
      s3: { endpoint: `http://127.0.0.1:${s3}`, accessKey: 'songhua-test', secretKey: secret, bucket: 'songhua' },
      databaseUrl: `postgresql://songhua:${secret}@127.0.0.1:${postgres}`,
    }),
    stop: async () => {
      await environment.down({ removeVolumes: true });
    },
  };
}
