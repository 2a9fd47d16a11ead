import { SonghuaError } from './errors.js';

export const CONNECTOR_STATES = ['draft', 'submitted', 'approved', 'active', 'paused', 'suspended', 'retired'] as const;
/** `active` is an approved connector that has begun a sync. */
export type ConnectorState = (typeof CONNECTOR_STATES)[number];

export const HALTS = ['paused', 'suspended', 'retired'] as const;
export type Halt = (typeof HALTS)[number];
export const PROPOSAL_STAGES = ['draft', 'submitted'] as const;
export type ProposalStage = (typeof PROPOSAL_STAGES)[number];

/** Which revision of a connector runs, which one waits for approval, and whether it is stopped. */
export interface Lifecycle {
  approved: number | null;
  proposal: { revision: number; stage: ProposalStage } | null;
  halt: Halt | null;
}

export type LifecycleEvent =
  /** A new revision; one by somebody who may approve runs at once, another is a draft. */
  | { type: 'apply'; revision: number; mayApprove: boolean }
  | { type: 'submit' }
  /** With `revision`, only that one: what was looked at is what is approved. */
  | { type: 'approve'; revision?: number | undefined }
  | { type: 'refuse' }
  | { type: 'pause' }
  | { type: 'resume' }
  /** By the platform, when it fails for good. */
  | { type: 'suspend' }
  | { type: 'retire' };

export const NEW_CONNECTOR: Lifecycle = { approved: null, proposal: null, halt: null };

const refused = (what: string): SonghuaError => new SonghuaError('connector.lifecycle', what, { actor: 'department' });

/**
 * What becomes of a connector. While a proposal waits, the approved revision keeps running; a new approved revision lifts a suspension,
 * because its cause may be gone, but never a pause. Asking for what is so already changes nothing. Throws `connector.lifecycle`.
 */
export function nextLifecycle(now: Lifecycle, event: LifecycleEvent): Lifecycle {
  if (now.halt === 'retired') {
    if (event.type === 'retire') return now;
    throw refused('the connector is retired: delete it and apply it again, or register another');
  }
  switch (event.type) {
    case 'apply':
      return event.mayApprove
        ? running(now, event.revision)
        : { ...now, proposal: { revision: event.revision, stage: 'draft' } };
    case 'submit':
      if (!now.proposal) throw refused('nothing waits to be submitted: apply a change first');
      return { ...now, proposal: { ...now.proposal, stage: 'submitted' } };
    case 'approve':
      return running(now, submitted(now, event.revision));
    case 'refuse':
      return { ...now, proposal: { revision: submitted(now), stage: 'draft' } };
    case 'retire':
      return { ...now, proposal: null, halt: 'retired' };
    case 'resume':
      return { ...now, halt: null };
    case 'pause':
    case 'suspend':
      if (now.approved === null) throw refused('the connector does not run yet: it was never approved');
      // What a person stopped stays stopped by that person.
      return { ...now, halt: event.type === 'pause' || now.halt === 'paused' ? 'paused' : 'suspended' };
  }
}

const running = (now: Lifecycle, revision: number): Lifecycle => ({
  approved: revision,
  proposal: null,
  halt: now.halt === 'suspended' ? null : now.halt,
});

function submitted({ proposal }: Lifecycle, expected = proposal?.revision): number {
  if (proposal?.stage !== 'submitted')
    throw refused(proposal ? 'the change is a draft: submit it first' : 'nothing waits for approval');
  if (proposal.revision !== expected)
    throw refused(`revision ${proposal.revision} waits for approval, not ${expected}: look at it first`);
  return proposal.revision;
}

/** The one word for where a connector is; a proposal beside an approved revision is told apart from it. */
export function connectorState({ approved, proposal, halt }: Lifecycle, hasRun: boolean): ConnectorState {
  if (halt === 'retired') return halt;
  if (approved === null) return proposal?.stage ?? 'draft';
  return halt ?? (hasRun ? 'active' : 'approved');
}

/** Why a sync of a connector in `state` may not start, or undefined. By a schedule only what is not stopped starts. */
export function runProblem(state: ConnectorState, cause: 'schedule' | 'request'): string | undefined {
  if (state === 'draft') return 'it is a draft: submit it, and have it approved';
  if (state === 'submitted') return 'it waits for approval';
  if (state === 'retired') return 'it is retired';
  return cause === 'schedule' && (state === 'paused' || state === 'suspended') ? `it is ${state}` : undefined;
}
