import { join } from 'node:path';
import { z } from 'zod';
import { BUILD_NAMES, INFRA_FOLDER } from '../builds/lock.js';
import { SERVICE_NAMES, type ServiceName } from '../declared.js';
import { endpointsSchema } from '../endpoints.js';
import { ENGINE_NAMES, OBJECT_STORES } from '../engines/types.js';

const serviceSchema = z.object({
  /** One of SERVICE_NAMES, or the name of another program that answers /readyz. */
  name: z.string(),
  /** Absolute path of its main.js. */
  entry: z.string(),
  replicas: z.int().min(0).max(16),
  /** Well-known HTTP port of the first replica; 0: any. */
  port: z.int().min(0).max(65_535),
  /** Answers 200 when it is ready; `/readyz` when absent. */
  readyPath: z.string().optional(),
  nodeFlags: z.array(z.string()),
  env: z.record(z.string(), z.string()),
});
export type ServicePlan = z.infer<typeof serviceSchema>;

/** All that the supervisor is told; everything in it is already fetched and checked. */
export const planSchema = z.object({
  home: z.string(),
  /** What names in the engines are derived from; empty: the default ones. */
  deployment: z.string().default(''),
  engines: z.discriminatedUnion('mode', [
    z.object({
      mode: z.literal('native'),
      names: z.array(z.enum(ENGINE_NAMES)),
      builds: z.partialRecord(z.enum(BUILD_NAMES), z.string()),
      objectStore: z.enum(OBJECT_STORES),
      java: z.string(),
    }),
    z.object({ mode: z.literal('docker'), endpoints: endpointsSchema }),
  ]),
  services: z.array(serviceSchema),
  /** For every service. */
  env: z.record(z.string(), z.string()),
});
export type Plan = z.infer<typeof planSchema>;

/*
 * The young generation is half its default of 16 MB × 3 a process: below it, collecting costs a twentieth of the CPU. The old
 * one has no limit of its own, because V8 then collects all the time for buffers that lie outside the heap.
 */
const FLAGS = ['--max-semi-space-size=8'];
const PORTS: Record<ServiceName, number> = { connector: 8081, landing: 8082, refresh: 8083, catalog: 8080 };

/** The four services of this checkout, one replica each unless told otherwise. */
export function defaultServices(replicas: Partial<Record<ServiceName, number>> = {}): ServicePlan[] {
  return SERVICE_NAMES.map((name) => ({
    name,
    entry: join(INFRA_FOLDER, '..', 'services', name, 'dist', 'main.js'),
    replicas: replicas[name] ?? 1,
    port: PORTS[name],
    nodeFlags: FLAGS,
    env: {},
  }));
}
