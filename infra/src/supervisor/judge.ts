import { ENGINE_NAMES } from '../engines/types.js';
import type { ProcessIdentity } from '../process/identity.js';
import type { ProcessRecord } from '../process/marks.js';
import { HEARTBEAT_MS, type ProcessState, type StackPhase, type StackState } from './state.js';

/**
 * Beside the phases that a supervisor tells itself:
 * `never`: nothing was started here. `lost`: the supervisor was killed, and nothing of it runs. `unsupervised`: it was killed, and
 * processes run on that nobody watches. `silent`: it lives and has told nothing for a while.
 */
export type JudgedPhase = StackPhase | 'never' | 'lost' | 'unsupervised' | 'silent';

/**
 * Beside the states that a supervisor tells itself:
 * `unsupervised`: runs, and nobody watches whether it answers. `gone`: recorded as running, and its process does not live.
 * `unknown`: its process lives, and the supervisor is silent about it.
 */
export type JudgedState = ProcessState['state'] | 'unsupervised' | 'gone' | 'unknown';

export type JudgedProcess = Omit<ProcessState, 'state'> & { state: JudgedState };

export interface Evidence {
  /** The supervisor's last word, which may be old. */
  state: StackState | undefined;
  /** The supervisor, if its process lives. */
  supervisor: ProcessIdentity | undefined;
  /** Processes of the state folder that live. */
  living: ProcessRecord[];
  /** Milliseconds of the clock that `state.updatedAt` is of. */
  now: number;
}

export interface Judgement {
  phase: JudgedPhase;
  rows: JudgedProcess[];
  remedy: string | null;
}

/** Six heartbeats missed: a busy machine does not explain it. */
const SILENT_MS = 6 * HEARTBEAT_MS;

/** One answer for the whole and its rows, from evidence. */
export function judge(evidence: Evidence): Judgement {
  const { state, supervisor, living, now } = evidence;
  const phase = phaseOf(evidence);
  const known = state?.processes ?? [];
  const strangers = supervisor ? [] : living.filter(({ name }) => !known.some((row) => row.name === name));
  return {
    phase,
    rows: [...known.map((row) => judgeRow(row, phase, living)), ...strangers.map(unrecorded)],
    remedy: remedyOf(phase, living.length, silentMs(state, now)),
  };
}

function phaseOf({ state, supervisor, living, now }: Evidence): JudgedPhase {
  if (supervisor) {
    if (state === undefined) return 'starting';
    return silentMs(state, now) > SILENT_MS ? 'silent' : state.phase;
  }
  if (living.length > 0) return 'unsupervised';
  if (state === undefined) return 'never';
  return state.phase === 'stopped' || state.phase === 'failed' ? state.phase : 'lost';
}

const silentMs = (state: StackState | undefined, now: number): number =>
  state ? Math.max(0, now - Date.parse(state.updatedAt)) : 0;

function judgeRow(row: ProcessState, phase: JudgedPhase, living: ProcessRecord[]): JudgedProcess {
  const alive = living.find(({ name }) => name === row.name);
  if (phase === 'unsupervised' || phase === 'lost') {
    if (alive) return { ...row, state: 'unsupervised', pid: alive.pid, started: alive.started };
    return { ...row, state: row.state === 'stopped' ? 'stopped' : 'gone', pid: null, started: null };
  }
  if (row.pid === null) return row;
  const same = living.some(({ pid, started }) => pid === row.pid && started === row.started);
  if (!same) return { ...row, state: 'gone', pid: null, started: null };
  return phase === 'silent' ? { ...row, state: 'unknown' } : row;
}

const unrecorded = ({ name, pid, started }: ProcessRecord): JudgedProcess => ({
  name,
  kind: ENGINE_NAMES.some((engine) => engine === name) ? 'engine' : 'service',
  state: 'unsupervised',
  pid,
  started,
  url: null,
  restarts: 0,
  lastError: null,
  lastErrorAt: null,
  readyAt: null,
  log: '',
});

function remedyOf(phase: JudgedPhase, living: number, silent: number): string | null {
  const restart = '`songhua up` starts everything under a new one';
  if (phase === 'unsupervised') {
    return `the supervisor was killed and ${living} processes run on unwatched: ${restart} after ending them; \`songhua down\` only ends them`;
  }
  if (phase === 'lost') return `the supervisor was killed and nothing runs: ${restart}`;
  if (phase === 'silent') {
    const seconds = Math.round(silent / 1000);
    return `the supervisor has told nothing for ${seconds} s: see the warnings and its log; \`songhua down\` ends it with all it started`;
  }
  return null;
}
