import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { infraError } from '../errors.js';
import { tail } from '../files.js';
import { identify, type ProcessIdentity } from './identity.js';
import { markOf } from './marks.js';

/** A program with everything its start needs. */
export interface Command {
  file: string;
  args: string[];
  env: NodeJS.ProcessEnv;
  cwd: string;
  uid?: number | undefined;
  gid?: number | undefined;
}

export interface ProcessSpec {
  name: string;
  log: string;
  /** Runs before every start, also after a crash: makes data folders, clears what a killed predecessor left. */
  prepare(): Promise<void>;
  command(): Command;
  /** Speaks the program's own protocol once; rejects while it is not ready. */
  probe(): Promise<void>;
  readyTimeoutMs: number;
  stopSignal: NodeJS.Signals;
  stopTimeoutMs: number;
}

export interface ManagedProcess {
  readonly spec: ProcessSpec;
  readonly identity: ProcessIdentity | undefined;
  /** Resolves when ready; throws `engine.exited` or `engine.not-ready` with the tail of the log. */
  start(): Promise<void>;
  /** Asks it to stop, and kills it when it does not in time. Idempotent. */
  stop(): Promise<void>;
  /** SIGKILL, as a crash would be; resolves when it is gone. */
  kill(): Promise<void>;
  /** Called each time it ends without `stop` or `kill`. */
  onCrash(listener: (how: string) => void): void;
}

const PROBE_INTERVAL_MS = 100;

/** One program of ours. It outlives this process unless stopped: its output goes to a file and it has its own process group. */
export function createManagedProcess(spec: ProcessSpec, onChange: () => void = () => undefined): ManagedProcess {
  let child: ChildProcess | undefined;
  let identity: ProcessIdentity | undefined;
  let ended: Promise<void> = Promise.resolve();
  let how: string | undefined;
  let expected = false;
  const listeners: ((how: string) => void)[] = [];

  const launch = (): void => {
    const command = spec.command();
    // For appending, so that it can be emptied while it is written.
    const log = openSync(spec.log, 'a', 0o644);
    how = undefined;
    expected = false;
    const started = spawn(command.file, command.args, {
      cwd: command.cwd,
      env: { ...command.env, ...markOf(spec) },
      detached: true,
      stdio: ['ignore', log, log],
      ...(command.uid === undefined ? {} : { uid: command.uid, gid: command.gid }),
    });
    closeSync(log);
    child = started;
    identity = started.pid === undefined ? undefined : identify(started.pid);
    ended = new Promise((resolve) => {
      const end = (text: string): void => {
        how ??= text;
        if (child === started) {
          child = undefined;
          identity = undefined;
        }
        onChange();
        resolve();
        if (!expected) for (const listener of listeners) listener(text);
      };
      started.once('error', (error) => end(error.message));
      started.once('exit', (code, signal) => end(signal === null ? `exit code ${code}` : signal));
    });
    onChange();
  };

  const failure = (code: 'engine.exited' | 'engine.not-ready', what: string): Error =>
    infraError(code, `${spec.name} ${what}; the end of ${spec.log}:\n${tail(spec.log)}`, { retryable: true });

  const becomeReady = async (): Promise<void> => {
    const deadline = Date.now() + spec.readyTimeoutMs;
    let last = '';
    while (Date.now() < deadline) {
      if (how !== undefined) throw failure('engine.exited', `ended while starting (${how})`);
      try {
        await spec.probe();
        return;
      } catch (error) {
        last = String((error as { message?: unknown }).message ?? error);
      }
      await delay(PROBE_INTERVAL_MS);
    }
    throw failure('engine.not-ready', `was not ready within ${spec.readyTimeoutMs / 1000} s (${last})`);
  };

  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const running = child;
    if (!running) return;
    expected = true;
    running.kill(signal);
    const timer = setTimeout(() => running.kill('SIGKILL'), spec.stopTimeoutMs);
    await ended;
    clearTimeout(timer);
  };

  return {
    spec,
    get identity() {
      return identity;
    },
    start: async () => {
      if (child) return;
      await spec.prepare();
      launch();
      try {
        await becomeReady();
      } catch (error) {
        await end('SIGKILL');
        throw error;
      }
    },
    stop: () => end(spec.stopSignal),
    kill: () => end('SIGKILL'),
    onCrash: (listener) => {
      listeners.push(listener);
    },
  };
}
