import type { ConnectorRecord, ConnectorRepository } from '@songhua/catalog';
import { cellsOf, type ReadContext, type SourceLimits, type StreamInfo } from '@songhua/connector-sdk';
import type { ConnectorKinds } from '@songhua/connectors';
import { type ConnectorSpec, connectorSpec, type RejectedRow, type SourceColumn } from '@songhua/contracts';
import { SonghuaError } from '@songhua/domain';
import { z } from 'zod';
import { parseConfig } from './configs.js';
import type { NetworkOf } from './networks.js';
import { kindOf, withTempDir } from './run-sync.js';
import type { ResolveSecrets } from './secrets.js';

/** A connector by name, or one that is not applied yet, inline. */
export const trialSchema = z.union([
  z.strictObject({ name: z.string(), rows: z.int().min(1).max(1000).default(20) }),
  z.strictObject({
    resource: z.object({ spec: connectorSpec }),
    rows: z.int().min(1).max(1000).default(20),
  }),
]);
export type Trial = z.infer<typeof trialSchema>;

export interface Preview {
  columns: SourceColumn[];
  /** Cells as the source wrote them. */
  rows: string[][];
  rejected: RejectedRow[];
  /** How the source is read: what was found, on which evidence, how surely. */
  decisions: NonNullable<StreamInfo['decisions']>;
}

export interface Trials {
  test(trial: Trial): Promise<{ message: string }>;
  discover(trial: Trial): Promise<{ streams: StreamInfo[] }>;
  preview(trial: Trial): Promise<Preview>;
}

interface Tried {
  spec: ConnectorSpec;
  department: string | undefined;
  primaryKey: string[] | undefined;
  /** Absent for one that is not applied. */
  connector?: ConnectorRecord;
}

export interface TrialDeps {
  connectors: ConnectorRepository;
  kinds: ConnectorKinds;
  secrets: ResolveSecrets;
  stored(connector: ConnectorRecord): Promise<Record<string, string>>;
  networkOf: NetworkOf;
  tempDir: string;
  limits: SourceLimits;
}

// A person waits for the answer.
const TRIAL_TIMEOUT_MS = 60_000;

/** Tries connectors without a sync and without a trace: nothing is stored or sent. */
export function createTrials(deps: TrialDeps): Trials {
  const tried = async (trial: Trial): Promise<Tried> => {
    if ('resource' in trial) {
      const { spec } = trial.resource;
      const { department, primaryKey } = (await deps.connectors.dataset(spec.dataset)) ?? {};
      return { spec, department, primaryKey };
    }
    const connector = await deps.connectors.get(trial.name);
    if (connector) return { ...connector, connector };
    throw new SonghuaError('connector.unknown', `no connector is named ${trial.name}; apply it first`, {
      actor: 'department',
    });
  };

  const attempt = async <T>(
    trial: Trial,
    work: (kind: ReturnType<typeof kindOf>, context: ReadContext<unknown>) => Promise<T>,
  ): Promise<T> => {
    const { spec, department, primaryKey, connector } = await tried(trial);
    const kind = kindOf(deps.kinds, spec.kind);
    const config = parseConfig(kind, spec.config);
    const secrets = await deps.secrets(spec.secrets, async () => (connector ? deps.stored(connector) : {}));
    const limits = { ...deps.limits, timeoutMs: TRIAL_TIMEOUT_MS };
    const signal = AbortSignal.timeout(TRIAL_TIMEOUT_MS);
    return withTempDir(deps.tempDir, (tempDir) =>
      work(kind, {
        config,
        secrets,
        cursor: undefined,
        signal,
        tempDir,
        limits,
        mode: spec.mode,
        primaryKey: primaryKey ?? [],
        network: deps.networkOf(department ?? ''),
      }),
    );
  };

  return {
    test: (trial) => attempt(trial, (kind, context) => kind.test(context)),
    discover: (trial) => attempt(trial, async (kind, context) => ({ streams: await kind.discover(context) })),
    preview: (trial) =>
      attempt(trial, async (kind, context) => {
        const preview: Preview = { columns: [], rows: [], rejected: [], decisions: [] };
        for await (const message of kind.read(context)) {
          if (message.type === 'start') {
            preview.columns = message.columns;
            preview.decisions = message.decisions ?? [];
          } else if (message.type === 'rows')
            preview.rows.push(...cellsOf(message.csv, trial.rows - preview.rows.length));
          else if (message.type === 'rejected')
            preview.rejected.push(...message.rows.slice(0, trial.rows - preview.rejected.length));
          if (preview.rows.length >= trial.rows) break;
        }
        return preview;
      }),
  };
}
