import { openHome, resolveHome } from '../home.js';
import { residentBytes } from '../process/identity.js';
import { ownerOf } from '../process/registry.js';
import { type ProcessState, readState, type StackPhase } from './state.js';

export interface ProcessStatus extends ProcessState {
  /** Resident memory in bytes, or null when it does not run or the platform does not tell. */
  residentBytes: number | null;
}

export interface StackStatus {
  home: string;
  /** `lost`: the supervisor was killed, and `up` or `down` will tidy up. `never`: nothing was started here. */
  phase: StackPhase | 'lost' | 'never';
  /** Everything runs and answers. */
  healthy: boolean;
  /** Empty: the default one. */
  deployment: string;
  mode: 'native' | 'docker' | null;
  objectStore: string | null;
  startedAt: string | null;
  error: string | null;
  apiUrl: string | null;
  temporalUi: string | null;
  supervisor: { pid: number; residentBytes: number | null } | null;
  processes: ProcessStatus[];
}

/** What runs in a state folder, from the supervisor's record checked against living processes. */
export function status(folder?: string): StackStatus {
  const home = openHome(resolveHome(folder));
  const state = readState(home.root);
  const owner = ownerOf(home);
  const alive = owner?.role === 'supervisor';
  const ended = state?.phase === 'stopped' || state?.phase === 'failed';
  const phase = state === undefined ? 'never' : alive || ended ? state.phase : 'lost';
  const processes = (state?.processes ?? []).map((one) => ({
    ...one,
    residentBytes: (alive && one.pid !== null && residentBytes(one.pid)) || null,
  }));
  return {
    home: home.root,
    phase,
    healthy: phase === 'ready' && processes.every((one) => one.state === 'ready'),
    deployment: state?.deployment ?? '',
    mode: state?.mode ?? null,
    objectStore: state?.objectStore ?? null,
    startedAt: state?.startedAt ?? null,
    error: state?.error ?? null,
    apiUrl: alive ? (state?.apiUrl ?? null) : null,
    temporalUi: alive ? (state?.temporalUi ?? null) : null,
    supervisor: alive && owner ? { pid: owner.pid, residentBytes: residentBytes(owner.pid) ?? null } : null,
    processes,
  };
}
