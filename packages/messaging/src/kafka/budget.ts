/** A first-come, first-served limit on bytes in flight. */
export interface Budget {
  /** Resolves when `bytes` fit; one request beyond the whole limit is let through alone. */
  take(bytes: number): Promise<void>;
  give(bytes: number): void;
}

export function createBudget(limit: number): Budget {
  let used = 0;
  const waiting: { bytes: number; resume: () => void }[] = [];
  const fits = (bytes: number) => used === 0 || used + bytes <= limit;
  return {
    take(bytes) {
      if (waiting.length === 0 && fits(bytes)) {
        used += bytes;
        return Promise.resolve();
      }
      return new Promise((resume) => {
        waiting.push({ bytes, resume });
      });
    },
    give(bytes) {
      used -= bytes;
      for (let next = waiting[0]; next && fits(next.bytes); next = waiting[0]) {
        waiting.shift();
        used += next.bytes;
        next.resume();
      }
    },
  };
}
