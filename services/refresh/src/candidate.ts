import type { RefreshContext, RejectedSummary, ReplayedRows } from '@songhua/catalog';
import type { Cursor, LaneReference, Manifest } from '@songhua/contracts';
import type { NormalizeResult } from '@songhua/tables';

/** A refresh whose turn it is: what the catalog told, and a folder of its own on local disk. */
export interface Turn {
  reference: Pick<LaneReference, 'sync' | 'attempt'>;
  context: RefreshContext;
  folder: string;
}

/** What would be the next version of a dataset: made by the steps of a refresh, one after the other, and published by the last. */
export interface Candidate {
  /** Where its rows come from. */
  source: Pick<Manifest['source'], 'files' | 'changedAt' | 'warnings'>;
  result: NormalizeResult;
  rejected: RejectedSummary;
  /** Where the next read of the connector goes on. */
  cursor: Cursor;
  /** `rulesHash` of the rules that all of its rows were made by; undefined when some are of the version before. */
  rules?: string | undefined;
  /** Of a replay: what it takes out of the quarantine. */
  replayed?: Omit<ReplayedRows, 'version'>;
  /** Of a rollback: the version that it goes back to, and the rules that made that. */
  rollback?: { version: number; rules: string | undefined };
}

/** The steps of a refresh, in order. */
export const STEPS = ['fetch', 'normalize', 'commit'] as const;
export type Step = (typeof STEPS)[number];

/** Runs steps and keeps how long each took. */
export interface StepClock {
  step<T>(name: Step, work: () => Promise<T>): Promise<T>;
  /** Seconds by step, of those that ended. */
  seconds(): Record<string, number>;
}

export function createStepClock(now: () => number = () => performance.now()): StepClock {
  const taken = new Map<Step, number>();
  return {
    async step(name, work) {
      const started = now();
      try {
        return await work();
      } finally {
        taken.set(name, (taken.get(name) ?? 0) + (now() - started) / 1000);
      }
    },
    seconds: () => Object.fromEntries([...taken].map(([name, seconds]) => [name, Math.round(seconds * 1000) / 1000])),
  };
}
