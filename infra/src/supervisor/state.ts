import { z } from 'zod';
import { endpointsSchema } from '../endpoints.js';
import { readJson } from '../files.js';
import { openHome } from '../home.js';

export const PROCESS_STATES = ['waiting', 'starting', 'ready', 'unhealthy', 'crashed', 'stopping', 'stopped'] as const;
export const PHASES = ['starting', 'declaring', 'ready', 'stopping', 'stopped', 'failed'] as const;
export type StackPhase = (typeof PHASES)[number];

const processStateSchema = z.object({
  /** Engine name, or service name; further replicas are `<name>-2` and so on. */
  name: z.string(),
  kind: z.enum(['engine', 'service']),
  state: z.enum(PROCESS_STATES),
  pid: z.int().nullable(),
  /** Tells the process from a later one with its pid; opaque. */
  started: z.string().nullable(),
  /** Loopback address that people and other services use. */
  url: z.string().nullable(),
  restarts: z.int(),
  lastError: z.string().nullable(),
  lastErrorAt: z.string().nullable().default(null),
  readyAt: z.string().nullable(),
  log: z.string(),
});
export type ProcessState = z.infer<typeof processStateSchema>;

const stackStateSchema = z.object({
  phase: z.enum(PHASES),
  deployment: z.string().default(''),
  mode: z.enum(['native', 'docker']),
  objectStore: z.string(),
  supervisor: z.object({ pid: z.int(), started: z.string() }),
  startedAt: z.string(),
  updatedAt: z.string(),
  error: z.string().nullable(),
  /** Address of the catalog's HTTP API. */
  apiUrl: z.string().nullable(),
  temporalUi: z.string().nullable(),
  processes: z.array(processStateSchema),
});
export type StackState = z.infer<typeof stackStateSchema>;

/** How often a supervisor writes, also when nothing changes: one that writes no more has something in its way. */
export const HEARTBEAT_MS = 5_000;

/** What the supervisor last wrote, or undefined when none ever ran; it may be dead by now, which `status` tells. */
export function readState(folder: string): StackState | undefined {
  const parsed = stackStateSchema.safeParse(readJson(openHome(folder).state));
  return parsed.success ? parsed.data : undefined;
}

/** Where the running engines answer, with credentials, or undefined when none were started. */
export function readEndpoints(folder: string): z.infer<typeof endpointsSchema> | undefined {
  const parsed = endpointsSchema.safeParse(readJson(openHome(folder).endpoints));
  return parsed.success ? parsed.data : undefined;
}
