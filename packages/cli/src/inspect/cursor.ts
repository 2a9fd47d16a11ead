/** One item after the other of what comes in pieces. */
export interface Cursor<T> {
  /** Undefined after the last one. */
  readonly current: T | undefined;
  /** Goes to the next item; a promise only where another piece has to be read first. */
  advance(): Promise<void> | undefined;
}

/** Stands on the first item. */
export async function createCursor<T>(pieces: AsyncIterable<readonly T[]>): Promise<Cursor<T>> {
  const iterator = pieces[Symbol.asyncIterator]();
  let piece: readonly T[] = [];
  let at = 0;
  const refill = async (): Promise<void> => {
    do {
      const next = await iterator.next();
      if (next.done) {
        piece = [];
        break;
      }
      piece = next.value;
    } while (piece.length === 0);
    at = 0;
  };
  await refill();
  return {
    get current() {
      return piece[at];
    },
    advance: () => (++at < piece.length ? undefined : refill()),
  };
}
