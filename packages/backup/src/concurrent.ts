/**
 * Results of `work` for every item of `source`, `width` of them underway at once, in the order in which they end. The first failure ends it
 * when the others underway have ended.
 */
export async function* concurrently<T, R>(
  source: AsyncIterable<T>,
  width: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const iterator = source[Symbol.asyncIterator]();
  // As outcomes, so that a failure waits for its turn and is never one that nobody handles.
  const underway = new Map<number, Promise<{ id: number } & ({ result: R } | { error: unknown })>>();
  let started = 0;
  let ended = false;
  const begin = (item: T): void => {
    const id = started++;
    underway.set(
      id,
      work(item).then(
        (result) => ({ id, result }),
        (error: unknown) => ({ id, error }),
      ),
    );
  };
  try {
    for (;;) {
      while (!ended && underway.size < width) {
        const next = await iterator.next();
        if (next.done) ended = true;
        else begin(next.value);
      }
      if (underway.size === 0) return;
      const outcome = await Promise.race(underway.values());
      underway.delete(outcome.id);
      if ('error' in outcome) throw outcome.error;
      yield outcome.result;
    }
  } finally {
    await Promise.all(underway.values());
    await iterator.return?.();
  }
}
