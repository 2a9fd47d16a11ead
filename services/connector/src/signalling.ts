export interface Signalling {
  /** Ends the current wait, or the next one if nobody waits. */
  signal(): void;
  wait(limitMs: number): Promise<void>;
  /** Resolves when `done` holds, or after `limitMs`. */
  until(done: () => boolean, limitMs: number): Promise<void>;
}

/** A wake-up for one waiting loop. */
export function createSignalling(): Signalling {
  let pending = false;
  let wake: (() => void) | undefined;
  const wait = (limitMs: number): Promise<void> => {
    if (pending) {
      pending = false;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        wake = undefined;
        resolve();
      };
      const timer = setTimeout(end, limitMs);
      wake = end;
    });
  };
  return {
    signal() {
      if (wake) wake();
      else pending = true;
    },
    wait,
    async until(done, limitMs) {
      const end = Date.now() + limitMs;
      while (!done() && Date.now() < end) await wait(10);
    },
  };
}
