/**
 * Reads one SQLite file for its parent (src/sqlite/reader.ts), in a process of its own: the file may hold views that never end or that
 * break the library, and only a process can be stopped at once. Plain JavaScript, because it is started by path from sources and
 * from the build alike.
 *
 * Messages, one at a time, each answered by `{ result }` or `{ error: { code, message } }`:
 * `{ open }` a URL · `{ columns }` a statement · `{ start: [statement, values] }` · `{ next }` a number of rows, fewer at the end.
 */
const Database = require('libsql');

// Another program writes for moments; one that writes for longer is waited for by the next try.
const BUSY_MS = 10_000;

let database;
let rows;

const actions = {
  open(url) {
    database = new Database(url, { timeout: BUSY_MS });
    database.exec('PRAGMA query_only = 1');
    database.exec('PRAGMA trusted_schema = 0');
    database.exec('BEGIN');
    // A transaction begins with its first reading; this also tells whether it is a database at all.
    database.prepare('SELECT count(*) FROM sqlite_schema').get();
  },
  columns(text) {
    return database
      .prepare(text)
      .columns()
      .map(({ name, type }) => ({ name, type }));
  },
  start([text, values]) {
    rows = database.prepare(text).raw(true).safeIntegers(true).iterate(values);
  },
  next(count) {
    const taken = [];
    while (taken.length < count) {
      const { done, value } = rows.next();
      if (done) break;
      taken.push(value.map(cellOf));
    }
    return taken;
  },
};

/** Integers in full, other numbers in the shortest form that is exactly them, bytes as lower-case hex. */
function cellOf(value) {
  if (value === null || typeof value === 'string') return value;
  if (typeof value === 'object') return Buffer.from(value).toString('hex');
  return String(value);
}

process.on('message', (message) => {
  const [[action, argument]] = Object.entries(message);
  try {
    process.send({ result: actions[action](argument) });
  } catch (error) {
    process.send({ error: { code: error.code, message: error.message } });
  }
});
process.on('disconnect', () => process.exit());
