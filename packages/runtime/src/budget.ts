/** A first-come, first-served limit on what is underway at once, in units of the caller's: bytes, threads. */
export interface Budget {
  /** Resolves when `amount` fits; one request beyond the whole limit is let through alone. */
  take(amount: number): Promise<void>;
  give(amount: number): void;
}

export function createBudget(limit: number): Budget {
  let used = 0;
  const waiting: { amount: number; resume: () => void }[] = [];
  const fits = (amount: number) => used === 0 || used + amount <= limit;
  return {
    take(amount) {
      if (waiting.length === 0 && fits(amount)) {
        used += amount;
        return Promise.resolve();
      }
      return new Promise((resume) => {
        waiting.push({ amount, resume });
      });
    },
    give(amount) {
      used -= amount;
      for (let next = waiting[0]; next && fits(next.amount); next = waiting[0]) {
        waiting.shift();
        used += next.amount;
        next.resume();
      }
    },
  };
}
