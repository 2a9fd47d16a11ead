import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ensureAccess } from '../access.js';
import { SERVICE_NAMES } from '../declared.js';
import { type Endpoints, endpointEnvironment } from '../endpoints.js';
import type { Home } from '../home.js';
import type { ProcessSpec } from '../process/managed.js';
import type { PortBook } from '../process/ports.js';
import { probeHttp } from '../process/probes.js';
import type { Plan } from './plan.js';

const HOST = '127.0.0.1';
/** Services that call each other. */
const INTERNAL = new Set(['connector', 'catalog']);
/** A service gives itself 20 s. */
const STOP_TIMEOUT_MS = 25_000;

export interface DescribedService {
  service: string;
  spec: ProcessSpec;
  url: string;
}

/** One process description a replica, with its port and the whole environment it needs. */
export async function describeServices(
  plan: Plan,
  home: Home,
  ports: PortBook,
  endpoints: Endpoints,
): Promise<DescribedService[]> {
  const slots = plan.services.flatMap((service) =>
    Array.from({ length: service.replicas }, (_, index) => ({
      service,
      name: index === 0 ? service.name : `${service.name}-${index + 1}`,
      wellKnown: service.port === 0 ? 0 : service.port + index * 10,
    })),
  );
  const urls = new Map<string, string>();
  for (const slot of slots) urls.set(slot.name, `http://${HOST}:${await ports.take(slot.name, slot.wellKnown)}`);
  const connector = urls.get('connector');
  const catalog = urls.get('catalog');
  const { internalToken, kekFile } = ensureAccess(home);
  return slots.map(({ service, name }) => {
    const url = urls.get(name) ?? '';
    const temp = join(home.temp, name);
    const env: NodeJS.ProcessEnv = {
      ...process.env,
      NODE_ENV: 'production',
      // glibc would otherwise keep one arena a thread, and DuckDB, zlib and Temporal's core have many.
      MALLOC_ARENA_MAX: '2',
      ...endpointEnvironment(
        endpoints,
        SERVICE_NAMES.find((name) => name === service.name),
      ),
      SONGHUA_HTTP_HOST: HOST,
      SONGHUA_HTTP_PORT: new URL(url).port,
      ...(connector === undefined ? {} : { SONGHUA_CONNECTOR_URL: connector }),
      SONGHUA_TEMP_DIR: temp,
      ...(INTERNAL.has(service.name) && { SONGHUA_INTERNAL_TOKEN: internalToken }),
      ...(service.name === 'connector' && { SONGHUA_KEK_FILE: process.env.SONGHUA_KEK_FILE ?? kekFile }),
      ...(plan.env.SONGHUA_DEV_ISSUER_KEYS !== undefined && { SONGHUA_OIDC_ISSUER: `${catalog}/dev-issuer` }),
      ...plan.env,
      ...service.env,
    };
    const spec: ProcessSpec = {
      name,
      log: join(home.logs, `${name}.log`),
      prepare: async () => {
        mkdirSync(temp, { recursive: true });
      },
      command: () => ({
        file: process.execPath,
        args: [...service.nodeFlags, service.entry],
        env,
        cwd: dirname(service.entry),
      }),
      probe: () => probeHttp(`${url}${service.readyPath ?? '/readyz'}`),
      readyTimeoutMs: 60_000,
      stopSignal: 'SIGTERM',
      stopTimeoutMs: STOP_TIMEOUT_MS,
    };
    return { service: service.name, spec, url };
  });
}
