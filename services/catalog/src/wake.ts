/** A signal that many may wait for: `wait` resolves at the next `wake`, or after `limitMs`. */
export interface Wake {
  wake(): void;
  wait(limitMs: number): Promise<void>;
}

export function createWake(): Wake {
  let waiters = new Set<() => void>();
  return {
    wake() {
      const woken = waiters;
      waiters = new Set();
      for (const resolve of woken) resolve();
    },
    wait: (limitMs) =>
      new Promise((resolve) => {
        const done = (): void => {
          clearTimeout(timer);
          waiters.delete(done);
          resolve();
        };
        const timer = setTimeout(done, limitMs);
        timer.unref();
        waiters.add(done);
      }),
  };
}
