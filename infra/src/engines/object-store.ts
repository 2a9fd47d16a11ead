import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { OWNER_ONLY } from '../home.js';
import { probeHttp } from '../process/probes.js';
import type { EngineFactory } from './types.js';

const HOST = '127.0.0.1';
const PORT = 9000;

/** MinIO on one folder. */
export const minio: EngineFactory = async ({ home, credentials, ports, build }) => {
  const port = await ports.take('object-store', PORT);
  const folder = join(home.data, 'minio');
  return {
    ports: { 'object-store': port },
    spec: {
      name: 'object-store',
      log: join(home.logs, 'object-store.log'),
      prepare: async () => {
        await mkdir(folder, { recursive: true, mode: OWNER_ONLY });
      },
      command: () => ({
        file: join(build('minio'), 'minio'),
        args: ['server', '--quiet', '--address', `${HOST}:${port}`, folder],
        env: {
          ...process.env,
          MINIO_ROOT_USER: credentials.s3AccessKey,
          MINIO_ROOT_PASSWORD: credentials.s3SecretKey,
          MINIO_BROWSER: 'off',
          // It would ask its maker for a newer release.
          MINIO_UPDATE: 'off',
          // Nothing here has life-cycle rules or replication, so the scanner may take its time.
          MINIO_SCANNER_SPEED: 'slowest',
          GOMEMLIMIT: '256MiB',
        },
        cwd: folder,
      }),
      probe: () => probeHttp(`http://${HOST}:${port}/minio/health/ready`),
      readyTimeoutMs: 60_000,
      stopSignal: 'SIGTERM',
      stopTimeoutMs: 15_000,
    },
  };
};

const SEAWEED_PORTS = { master: 9333, volume: 9340, filer: 8888 } as const;

/** SeaweedFS, one process: for machines without Go, and as the second server of the conformance suite. */
export const seaweedfs: EngineFactory = async ({ home, credentials, ports, build }) => {
  const port = await ports.take('object-store', PORT);
  const more: string[] = [];
  for (const [name, wellKnown] of Object.entries(SEAWEED_PORTS)) {
    more.push(`-${name}.port=${await ports.take(`seaweedfs-${name}`, wellKnown)}`);
    more.push(`-${name}.port.grpc=${await ports.take(`seaweedfs-${name}-grpc`, wellKnown + 10_000)}`);
  }
  more.push(`-s3.port.grpc=${await ports.take('seaweedfs-s3-grpc', PORT + 10_000)}`);
  const folder = join(home.data, 'seaweedfs');
  return {
    ports: { 'object-store': port },
    spec: {
      name: 'object-store',
      log: join(home.logs, 'object-store.log'),
      prepare: async () => {
        await mkdir(folder, { recursive: true, mode: OWNER_ONLY });
      },
      command: () => ({
        file: join(build('seaweedfs'), 'weed'),
        args: [
          'mini',
          `-dir=${folder}`,
          `-ip=${HOST}`,
          `-ip.bind=${HOST}`,
          `-s3.port=${port}`,
          ...more,
          '-webdav=false',
          // Catalogs that nobody here asks; on ports of their own they would stand in the way of a second system.
          '-s3.port.iceberg=0',
          '-s3.port.lance=0',
          '-admin.ui=false',
          '-master.telemetry=false',
        ],
        env: {
          ...process.env,
          AWS_ACCESS_KEY_ID: credentials.s3AccessKey,
          AWS_SECRET_ACCESS_KEY: credentials.s3SecretKey,
          GOMEMLIMIT: '256MiB',
        },
        cwd: folder,
      }),
      probe: () => probeHttp(`http://${HOST}:${port}/healthz`),
      readyTimeoutMs: 60_000,
      stopSignal: 'SIGTERM',
      stopTimeoutMs: 15_000,
    },
  };
};
