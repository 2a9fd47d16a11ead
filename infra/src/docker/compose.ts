import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { INFRA_FOLDER } from '../builds/lock.js';
import { run } from '../builds/run.js';
import { findTool } from '../builds/tools.js';
import { databaseUrlsOf, ensureCredentials } from '../credentials.js';
import { BUCKET, DATABASE_USER } from '../declared.js';
import { type Endpoints, endpointsOf } from '../endpoints.js';
import type { EngineName } from '../engines/types.js';
import { infraError } from '../errors.js';
import type { Home } from '../home.js';
import type { PortBook } from '../process/ports.js';
import { probeHttp, probeKafka, probePostgres, probeTemporal } from '../process/probes.js';
import { type OnProgress, reporter } from '../progress.js';

const HOST = '127.0.0.1';
/** The first time, images are fetched and MinIO is compiled. */
const UP_TIMEOUT_MS = 20 * 60_000;
const STOP_TIMEOUT_MS = 120_000;
const READY_TIMEOUT_MS = 120_000;
const POLL_MS = 200;

export interface ComposeEngines {
  /** Of the default deployment. */
  endpoints: Endpoints;
  /** Starts what is not running and resolves when all of `engines` answer. */
  up(engines: readonly EngineName[], onProgress?: OnProgress): Promise<void>;
  kill(engine: EngineName): Promise<void>;
  stop(): Promise<void>;
}

/** Compose project of a state folder: two folders on one machine do not meet. */
export const projectOf = (home: Home): string =>
  `songhua-${createHash('sha256').update(home.root).digest('hex').slice(0, 8)}`;

async function compose(home: Home, args: string[], timeoutMs: number, onLine?: (line: string) => void): Promise<void> {
  const docker = findTool('docker');
  if (docker === undefined) throw infraError('stack.docker-failed', 'no docker command on PATH');
  const file = join(INFRA_FOLDER, 'compose.yaml');
  const project = ['compose', '-p', projectOf(home), '-f', file, '--env-file', join(home.run, 'compose.env')];
  try {
    await run(docker, [...project, ...args], { cwd: home.root, timeoutMs, ...(onLine ? { onLine } : {}) });
  } catch (error) {
    const why = String((error as Error).message);
    throw infraError('stack.docker-failed', `${why}\nTo do without Docker: SONGHUA_ENGINES=native`, {
      cause: error,
      retryable: true,
    });
  }
}

/** Stops the containers of a state folder; `wipe` also removes their volumes. */
export async function composeDown(home: Home, wipe: boolean): Promise<void> {
  await compose(home, wipe ? ['down', '--volumes'] : ['stop'], STOP_TIMEOUT_MS);
}

async function untilAnswers(name: string, probe: () => Promise<void>): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  for (;;) {
    try {
      return await probe();
    } catch (error) {
      if (Date.now() > deadline) {
        const why = String((error as Error).message);
        throw infraError('engine.not-ready', `container ${name} does not answer (${why}): docker compose logs ${name}`);
      }
    }
    await delay(POLL_MS);
  }
}

/** The engines of `compose.yaml` with this state folder's ports and credentials. Starts nothing. */
export async function describeCompose(home: Home, ports: PortBook): Promise<ComposeEngines> {
  const credentials = ensureCredentials(home.credentials);
  const kafka = await ports.take('kafka', 9092);
  const temporal = await ports.take('temporal', 7233);
  const ui = await ports.take('temporal-ui', 8233);
  const s3 = await ports.take('object-store', 9000);
  const postgres = await ports.take('postgres', 5432);
  const variables = {
    SONGHUA_KAFKA_PORT: kafka,
    SONGHUA_TEMPORAL_PORT: temporal,
    SONGHUA_TEMPORAL_UI_PORT: ui,
    SONGHUA_S3_PORT: s3,
    SONGHUA_S3_ACCESS_KEY: credentials.s3AccessKey,
    SONGHUA_S3_SECRET_KEY: credentials.s3SecretKey,
    SONGHUA_POSTGRES_PORT: postgres,
    SONGHUA_DATABASE_PASSWORD: credentials.databasePassword,
  };
  const lines = Object.entries(variables).map(([name, value]) => `${name}=${value}\n`);
  writeFileSync(join(home.run, 'compose.env'), lines.join(''), { mode: 0o600 });
  const endpoint = `http://${HOST}:${s3}`;
  const probes: Record<EngineName, () => Promise<void>> = {
    kafka: () => probeKafka(kafka),
    temporal: () => probeTemporal(temporal),
    'object-store': () => probeHttp(`${endpoint}/minio/health/ready`),
    postgres: () => probePostgres(postgres, DATABASE_USER),
  };
  return {
    endpoints: endpointsOf('', {
      brokers: [`${HOST}:${kafka}`],
      temporalAddress: `${HOST}:${temporal}`,
      temporalUi: `http://${HOST}:${ui}`,
      s3: { endpoint, accessKey: credentials.s3AccessKey, secretKey: credentials.s3SecretKey, bucket: BUCKET },
      ...databaseUrlsOf(credentials, `${HOST}:${postgres}`),
    }),
    up: async (engines, onProgress) => {
      const report = reporter('docker', onProgress);
      report('starting', engines.join(', '));
      await compose(home, ['up', '-d', ...engines], UP_TIMEOUT_MS, (line) => report('starting', line.trim()));
      await Promise.all(engines.map((engine) => untilAnswers(engine, probes[engine])));
      report('ready');
    },
    kill: (engine) => compose(home, ['kill', '-s', 'SIGKILL', engine], STOP_TIMEOUT_MS),
    stop: () => composeDown(home, false),
  };
}
