import { createReserve, RESERVE_BYTES } from '../disk/reserve.js';
import { type DiskLevel, levelOf, sizeText, spaceOf } from '../disk/space.js';
import { type Home, openHome, resolveHome } from '../home.js';
import { residentBytes } from '../process/identity.js';
import { livingProcesses, ownerOf } from '../process/registry.js';
import { type Evidence, type JudgedPhase, type JudgedState, judge } from './judge.js';
import { type ProcessState, readState } from './state.js';

export interface ProcessStatus extends Omit<ProcessState, 'state'> {
  state: JudgedState;
  /** Resident memory in bytes, or null when it does not run or the platform does not tell. */
  residentBytes: number | null;
}

export interface DiskStatus {
  freeBytes: number;
  totalBytes: number;
  level: DiskLevel;
  /** What the reserve keeps of it, to be given back when it is full. */
  reserveBytes: number;
}

export interface StackStatus {
  home: string;
  phase: JudgedPhase;
  /** Everything runs, answers and is supervised. */
  healthy: boolean;
  /** What to do, in one sentence, or null when nothing has to be done or the supervisor does it. */
  remedy: string | null;
  /** What will keep it from running if nobody acts. */
  warnings: string[];
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
  disk: DiskStatus;
}

/** What runs in a state folder: the supervisor's record, checked against the processes that live and the disk as it is. */
export function status(folder?: string): StackStatus {
  const home = openHome(resolveHome(folder));
  const evidence = gather(home);
  const { state, supervisor } = evidence;
  const { phase, rows, remedy } = judge(evidence);
  const supervised = phase === state?.phase && supervisor !== undefined;
  const disk = diskOf(home);
  return {
    home: home.root,
    phase,
    healthy: phase === 'ready' && rows.every((row) => row.state === 'ready'),
    remedy,
    warnings: warningsOf(disk, home),
    deployment: state?.deployment ?? '',
    mode: state?.mode ?? null,
    objectStore: state?.objectStore ?? null,
    startedAt: state?.startedAt ?? null,
    error: state?.error ?? null,
    apiUrl: supervised ? state.apiUrl : null,
    temporalUi: supervised ? state.temporalUi : null,
    supervisor: supervisor ? { pid: supervisor.pid, residentBytes: residentBytes(supervisor.pid) ?? null } : null,
    processes: rows.map((row) => ({ ...row, residentBytes: (row.pid !== null && residentBytes(row.pid)) || null })),
    disk,
  };
}

function gather(home: Home): Evidence {
  const owner = ownerOf(home);
  return {
    state: readState(home.root),
    supervisor: owner?.role === 'supervisor' ? owner : undefined,
    // What somebody else's engines run as is theirs to tell.
    living: owner && owner.role !== 'supervisor' ? [] : livingProcesses(home),
    now: Date.now(),
  };
}

function diskOf(home: Home): DiskStatus {
  const space = spaceOf(home.root);
  return { ...space, level: levelOf(space), reserveBytes: createReserve(home.reserve).heldBytes() };
}

function warningsOf({ level, freeBytes, totalBytes, reserveBytes }: DiskStatus, home: Home): string[] {
  if (level === 'ok') return [];
  const reserve =
    level === 'full' || reserveBytes < RESERVE_BYTES ? `; ${sizeText(reserveBytes)} of the reserve are left` : '';
  const free = `${sizeText(freeBytes)} free of ${sizeText(totalBytes)} at ${home.root}`;
  return [`the disk is ${level}: ${free}${reserve}; make room, for engines stop where it ends`];
}
