import { clearLine, cursorTo } from 'node:readline';

export interface Progress {
  /** Replaces the live line; on anything but a terminal a line is written when `stage` changes, and at most every 5 s. */
  update(stage: string, text: string): void;
  /** Writes a line that stays. */
  note(text: string): void;
  end(): void;
}

const QUIET_INTERVAL_MS = 5_000;

/** Live progress on stderr, so that stdout stays for results. */
export function createProgress(stream: NodeJS.WriteStream = process.stderr): Progress {
  let shown = false;
  let lastStage = '';
  let lastWrite = 0;
  const clear = (): void => {
    if (!shown) return;
    clearLine(stream, 0);
    cursorTo(stream, 0);
    shown = false;
  };
  return {
    update(stage, text) {
      if (stream.isTTY) {
        clear();
        stream.write(`${stage}  ${text}`.slice(0, Math.max(20, stream.columns - 1)));
        shown = true;
        return;
      }
      const now = Date.now();
      if (stage === lastStage && now - lastWrite < QUIET_INTERVAL_MS) return;
      lastStage = stage;
      lastWrite = now;
      stream.write(`${stage}  ${text}\n`);
    },
    note(text) {
      clear();
      stream.write(`${text}\n`);
    },
    end: clear,
  };
}
