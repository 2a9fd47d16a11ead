import { reasonOf } from '@songhua/domain';
import type { Reserve } from '../disk/reserve.js';
import { writeJson } from '../files.js';
import type { Home } from '../home.js';
import { type ProcessRecord, recordProcesses } from '../process/registry.js';
import { HEARTBEAT_MS, type StackState } from './state.js';

export interface Recorder {
  /** Writes now. Never throws: what cannot be written is written by the next call that can. */
  write(): void;
  /** Writes when the events of this moment are over: several processes change at once, and one write tells them all. */
  soon(): void;
  /** Ends the heartbeat. */
  end(): void;
}

export interface RecorderOptions {
  home: Home;
  reserve: Reserve;
  /** One line of the supervisor's log. */
  tell(text: string): void;
  processes(): ProcessRecord[];
  state(): StackState;
}

/** Writes what the supervisor knows, at every change and as a heartbeat. A disk that takes nothing ends neither. */
export function createRecorder({ home, reserve, tell, processes, state }: RecorderOptions): Recorder {
  let pending = false;
  let failing = false;
  const write = (): void => {
    pending = false;
    try {
      reserve.withRoom(() => {
        recordProcesses(home, processes());
        writeJson(home.state, state());
      });
      if (failing) tell('the state is written again');
      failing = false;
    } catch (error) {
      if (!failing) tell(`the state cannot be written and is kept in memory: ${reasonOf(error).message}`);
      failing = true;
    }
  };
  const heartbeat = setInterval(write, HEARTBEAT_MS);
  return {
    write,
    soon: () => {
      if (pending) return;
      pending = true;
      setImmediate(write);
    },
    end: () => clearInterval(heartbeat),
  };
}
