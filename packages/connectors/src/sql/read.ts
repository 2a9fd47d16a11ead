import { join } from 'node:path';
import { type ReadContext, type SourceMessage, throwIfAborted } from '@songhua/connector-sdk';
import type { TableBatch } from '@songhua/formats';
import { type Described, describe } from './columns.js';
import type { SqlReading } from './config.js';
import { parseCursor, type SqlCursor } from './cursor.js';
import { presentBefore } from './overlap.js';
import { isIncremental, kindOfRead, newsAfter, newsAgain, type ReadKind } from './plan.js';
import { selected, type Totals, writeRows } from './rows.js';
import { createBatchSpool } from './spool.js';
import { maximumStatement, readStatement, type Wanted } from './statement.js';
import type { SqlSession } from './types.js';

type Context = ReadContext<SqlReading>;

/** Reads what a context asks for in one session. `reading`: the fingerprint of what is read. */
export async function* readSql(session: SqlSession, context: Context, reading: string): AsyncGenerator<SourceMessage> {
  const now = new Date();
  const incremental = isIncremental(context);
  const remembered = parseCursor(context.cursor, reading);
  const horizon = incremental ? await session.horizon?.(remembered?.horizon) : undefined;
  // Without the transactions' word, what was late at the last read would never be found again.
  const lost = remembered?.horizon !== undefined && !horizon?.reachable;
  const isAhead = remembered?.value !== undefined && presentBefore(remembered.value, now) !== undefined;
  const known = lost || isAhead ? undefined : remembered;
  const kind = kindOfRead(context, known, now);
  const described = await describe(session, context.config);
  const before = kind === 'part' ? known?.value : undefined;
  const value = incremental && kind !== 'range' ? await largest(session, described, { before, now }) : undefined;
  const batches = readBatches(session, context, { described, kind, known, value, horizon: horizon?.now });
  const cursorAfter = (totals: Totals): SqlCursor => ({
    version: 1,
    reading,
    ...(value === undefined ? {} : { value }),
    ...keyAfter(totals, value, known),
    ...(horizon ? { horizon: horizon.now } : {}),
    again: value === undefined ? totals.all : totals.again,
    fullAt: kind === 'part' && known ? known.fullAt : now.toISOString(),
  });

  const start = startOf(described, kind, context);
  let totals: Totals;
  if (known && (kind === 'part' || (kind === 'all' && known.value === undefined))) {
    // What may turn out to be unchanged is put aside until that is known.
    const spool = await createBatchSpool(join(context.tempDir, 'rows'));
    try {
      totals = await drain(batches, (batch) => spool.put(batch));
      if (totals.all === known.again) return yield { type: 'unchanged', validators: cursorAfter(totals) };
      yield start;
      for await (const batch of spool.replay()) {
        throwIfAborted(context.signal);
        yield toMessage(batch);
      }
    } finally {
      await spool.close();
    }
  } else {
    yield start;
    totals = yield* asMessages(batches);
  }
  if (totals.rows > 0) yield { type: 'lines', runs: [{ row: 0, line: 1, file: 0 }] };
  yield {
    type: 'end',
    files: [{ name: described.source.name, bytes: totals.bytes, sha256: totals.sha256 }],
    cursor: kind === 'range' ? (context.cursor ?? {}) : cursorAfter(totals),
  };
}

/** The largest cursor value that is not ahead of `now`; it never goes back to what was `before`. */
async function largest(
  session: SqlSession,
  { source, columns, cursor }: Described,
  { before, now }: { before: string | undefined; now: Date },
): Promise<string | undefined> {
  if (cursor === undefined) return undefined;
  const from = before === undefined ? {} : { from: before };
  const within = async (wanted: Wanted): Promise<string | undefined> => {
    const [row] = await session.rows(maximumStatement({ source, columns, cursor, wanted }, session.dialect));
    return row?.[0] ?? before;
  };
  const found = await within(before === undefined ? { all: true } : { range: from });
  const present = found === undefined ? undefined : presentBefore(found, now);
  return present === undefined ? found : within({ range: { ...from, to: present } });
}

interface Read {
  described: Described;
  kind: ReadKind;
  known: SqlCursor | undefined;
  value: string | undefined;
  horizon: string | undefined;
}

function readBatches(session: SqlSession, context: Context, read: Read): AsyncGenerator<TableBatch, Totals> {
  const { described, kind, value, horizon } = read;
  const { config, limits, signal } = context;
  const late = horizon === undefined ? {} : { horizon };
  const marked: Wanted | undefined =
    isIncremental(context) && kind !== 'range'
      ? { news: { ...(value === undefined ? {} : newsAgain(value, config)), ...late } }
      : undefined;
  const columns = selected(described);
  const { source, cursor, key } = described;
  const statement = readStatement(
    { source, columns, cursor, key, wanted: wantedBy(read, context), marked },
    session.dialect,
  );
  return writeRows(session.stream(statement, config.batchRows), {
    described,
    config,
    operations: hasOperations(kind, config),
    marked: marked !== undefined,
    value,
    maxBytes: limits.maxBytes,
    signal,
  });
}

function wantedBy({ kind, known }: Read, { range = {}, config }: Context): Wanted {
  if (kind === 'range') return { range };
  if (kind === 'all' || known?.value === undefined) return { all: true };
  const { value, key, horizon } = known;
  return { news: { ...newsAfter({ value, key }, config), ...(horizon === undefined ? {} : { horizon }) } };
}

const keyAfter = ({ key }: Totals, value: string | undefined, known: SqlCursor | undefined): { key?: string } => {
  const last = key ?? (value === known?.value ? known?.key : undefined);
  return last === undefined ? {} : { key: last };
};

const hasOperations = (kind: ReadKind, config: SqlReading): boolean =>
  kind !== 'all' && config.softDelete !== undefined;

function startOf(described: Described, kind: ReadKind, { config }: Context): SourceMessage {
  return {
    type: 'start',
    columns: described.names,
    scope: kind === 'all' ? 'all' : 'part',
    ...(hasOperations(kind, config) ? { operations: true } : {}),
  };
}

const toMessage = (batch: TableBatch): SourceMessage =>
  batch.type === 'rows' ? { type: 'rows', csv: batch.csv, rows: batch.rows } : { type: 'rejected', rows: batch.rows };

async function* asMessages(batches: AsyncGenerator<TableBatch, Totals>): AsyncGenerator<SourceMessage, Totals> {
  try {
    for (;;) {
      const next = await batches.next();
      if (next.done) return next.value;
      yield toMessage(next.value);
    }
  } finally {
    // Also when the reader leaves in the middle, so that the source's statement is given up.
    await batches.return(undefined as never);
  }
}

async function drain(
  batches: AsyncGenerator<TableBatch, Totals>,
  take: (batch: TableBatch) => Promise<void>,
): Promise<Totals> {
  for (;;) {
    const next = await batches.next();
    if (next.done) return next.value;
    await take(next.value);
  }
}
