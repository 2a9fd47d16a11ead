import { formatError } from './errors.js';
import type { ByteSource, TableReader } from './types.js';

/** What reading one source takes in time, all its tables together. The time that a receiver takes between batches does not count. */
export interface Clock {
  /** Throws `limit.time` when reading has taken longer than it may. */
  check(): void;
  /** Counts the time that `work` takes. */
  during<T>(work: () => Promise<T>): Promise<T>;
}

/** A clock of `limitMs` for the source that people know by `name`. */
export function createClock(name: string, limitMs: number, now: () => number = () => performance.now()): Clock {
  let spent = 0;
  let running = 0;
  let since = 0;
  return {
    check() {
      if (spent + (running > 0 ? now() - since : 0) > limitMs) throw tooSlow(name, limitMs);
    },
    async during(work) {
      if (running++ === 0) since = now();
      try {
        return await work();
      } finally {
        if (--running === 0) spent += now() - since;
      }
    },
  };
}

/** `source`, whose content ends with `limit.time` when the time is over. */
export function timedSource(source: ByteSource, clock: Clock): ByteSource {
  async function* chunks(): AsyncGenerator<Buffer> {
    for await (const chunk of source.chunks()) {
      clock.check();
      yield chunk;
    }
  }
  return { ...source, chunks };
}

/** `table`, the reading of whose rows counts. */
export function timedTable(table: TableReader, clock: Clock): TableReader {
  const batches = table.batches.bind(table);
  // The table itself, not a copy: some of what it tells is known only once it was read.
  table.batches = (signal) => timed(batches(signal), clock);
  return table;
}

async function* timed<T>(items: AsyncIterable<T>, clock: Clock): AsyncGenerator<T> {
  const iterator = items[Symbol.asyncIterator]();
  let ended = false;
  try {
    for (;;) {
      const next = await clock.during(() => iterator.next());
      ended = next.done === true;
      if (next.done) return;
      yield next.value;
    }
  } finally {
    if (!ended) await iterator.return?.();
  }
}

function tooSlow(name: string, limitMs: number): Error {
  const seconds = limitMs / 1000;
  return formatError(
    'limit.time',
    `${name} was not read within ${seconds} s: send less at once, or raise the limit. 读取超过 ${seconds} 秒，请拆分文件或提高上限`,
    { file: name, limit: limitMs },
  );
}
