import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ConnectorRecord, ConnectorRepository, DatasetOfConnector } from '@songhua/catalog';
import type { ReadContext, SourceLimits } from '@songhua/connector-sdk';
import type { ConnectorKinds } from '@songhua/connectors';
import { type ConnectorSpec, connectorSpec, datasetSpec } from '@songhua/contracts';
import { type Principal, SonghuaError } from '@songhua/domain';
import type { ObjectStore } from '@songhua/object-store';
import { withFolder } from '@songhua/runtime';
import type { Tables } from '@songhua/tables';
import { z } from 'zod';
import { parseConfig } from '../configs.js';
import type { NetworkOf } from '../networks.js';
import { formsOf, redact, redactedError } from '../redact.js';
import { kindOf } from '../run-sync.js';
import type { ResolveSecrets } from '../secrets.js';
import { type Discovered, discover } from './discover.js';
import { type DryRun, dryRun } from './dry-run.js';
import { createGate } from './gate.js';
import { type Preview, preview } from './preview.js';

const rows = z.int().min(1).max(1000).default(20);
/** A connector by name, or one that is not applied yet, inline, perhaps with the dataset that is not applied yet either. */
export const trialSchema = z.union([
  z.strictObject({ name: z.string(), rows }),
  z.strictObject({
    resource: z.object({ spec: connectorSpec }),
    dataset: z.object({ spec: datasetSpec }).optional(),
    rows,
  }),
]);
export type Trial = z.infer<typeof trialSchema>;

export interface Trials {
  test(trial: Trial, by: Principal): Promise<{ message: string }>;
  discover(trial: Trial, by: Principal): Promise<Discovered>;
  preview(trial: Trial, by: Principal): Promise<Preview>;
  dryRun(trial: Trial, by: Principal): Promise<DryRun>;
}

/** What one trial works with. */
export interface Attempt {
  spec: ConnectorSpec;
  kind: ReturnType<typeof kindOf>;
  context: ReadContext<unknown>;
  dataset: (Pick<DatasetOfConnector, 'spec'> & Partial<DatasetOfConnector>) | undefined;
  rows: number;
  /** Loads DuckDB, which is given back after the trial. */
  tables(): Promise<Tables>;
  store: Pick<ObjectStore, 'download'>;
}

export interface TrialDeps {
  connectors: ConnectorRepository;
  kinds: ConnectorKinds;
  secrets: ResolveSecrets;
  stored(connector: ConnectorRecord): Promise<Record<string, string>>;
  networkOf: NetworkOf;
  /** For the version that is served now; nothing is written. */
  store: Pick<ObjectStore, 'download'>;
  tempDir: string;
  limits: SourceLimits;
}

// A person waits for the answer.
const TRIAL_TIMEOUT_MS = 50_000;
// A dry run reads everything, like a sync, but a person waits for this as well.
const DRY_RUN_TIMEOUT_MS = 300_000;
const MEMORY_MB = 256;
// Each may hold that much, and a source that hangs keeps its place until the time is up.
const PLACES = { atOnce: 6, each: 2, most: 60 };

type Tried = Pick<Attempt, 'spec' | 'dataset'> & { connector?: ConnectorRecord };

/** Tries connectors without a sync and without a trace: nothing is stored or sent, and no answer holds a secret. */
export function createTrials(deps: TrialDeps): Trials {
  const tried = async (trial: Trial): Promise<Tried> => {
    if ('resource' in trial) {
      const { spec } = trial.resource;
      const known = await deps.connectors.dataset(spec.dataset);
      return { spec, dataset: trial.dataset ? { ...known, ...trial.dataset } : known };
    }
    const connector = await deps.connectors.get(trial.name);
    if (connector)
      return { spec: connector.spec, dataset: await deps.connectors.dataset(connector.dataset), connector };
    throw new SonghuaError(
      'connector.unknown',
      `no connector is named ${trial.name}; apply it first, or give its file`,
      {
        actor: 'department',
      },
    );
  };

  const gate = createGate(PLACES);
  const attempt = async <T>(
    trial: Trial,
    by: Principal,
    work: (attempt: Attempt) => Promise<T>,
    timeoutMs = TRIAL_TIMEOUT_MS,
  ): Promise<T> => {
    const { spec, dataset, connector } = await tried(trial);
    const kind = kindOf(deps.kinds, spec.kind);
    const config = parseConfig(kind, spec.config);
    const secrets = await deps.secrets(
      spec.secrets,
      async () => (connector ? deps.stored(connector) : {}),
      // A trial reaches its source before anybody has approved it.
      connector?.approved != null ? undefined : (by.department ?? undefined),
    );
    // Whoever acts for a department reaches what that one may reach, whatever the file says.
    const department = by.department ?? dataset?.department ?? dataset?.spec.department ?? '';
    let engine: Promise<Tables> | undefined;
    try {
      const read = async (tempDir: string): Promise<T> => {
        const reading = join(tempDir, 'read');
        await mkdir(reading);
        const tables = (): Promise<Tables> => {
          // DuckDB takes about 60 MB, so only a trial that needs it loads it.
          engine ??= import('@songhua/tables').then(({ createTables }) =>
            createTables({ memoryMb: MEMORY_MB, threads: 1, tempDirectory: join(tempDir, 'spill') }),
          );
          return engine;
        };
        const context = {
          config,
          secrets,
          cursor: undefined,
          signal: AbortSignal.timeout(timeoutMs),
          tempDir: reading,
          limits: { ...deps.limits, timeoutMs },
          mode: spec.mode,
          primaryKey: dataset?.spec.primaryKey ?? [],
          department,
          network: deps.networkOf(department),
        };
        try {
          return await work({ spec, kind, context, dataset, rows: trial.rows, tables, store: deps.store });
        } finally {
          await (await engine)?.close();
        }
      };
      const answer = await gate.enter(department, () => withFolder(deps.tempDir, 'trial', read));
      return redact(answer, formsOf(secrets));
    } catch (error) {
      throw redactedError(error, formsOf(secrets));
    }
  };

  return {
    test: (trial, by) => attempt(trial, by, ({ kind, context }) => kind.test(context)),
    discover: (trial, by) => attempt(trial, by, discover),
    preview: (trial, by) => attempt(trial, by, preview),
    dryRun: (trial, by) => attempt(trial, by, dryRun, DRY_RUN_TIMEOUT_MS),
  };
}
