import type { LineEnding } from '../types.js';
import { cellKind } from './cells.js';
import { createFields, type Fields } from './parse.js';
import { readRecords, type Sample, type SampleRecord } from './sample.js';
import { CR, LF, type Spec, specOf } from './spec.js';

export interface DetectedDialect {
  delimiter: string;
  quote: string;
  escape: string;
  lineEnding: LineEnding;
  /** Fields that most records have. */
  columns: number;
  evidence: string;
  confidence: number;
}

/** What was told; the rest is found. */
export interface DialectHints {
  delimiter?: string | undefined;
  quote?: string | undefined;
}

// How likely each delimiter is before the file is seen. Blank and colon also stand inside dates and text.
const DELIMITERS: Record<string, number> = {
  ',': 1,
  ';': 0.98,
  '\t': 0.99,
  '|': 0.97,
  '，': 0.8,
  '；': 0.8,
  '、': 0.6,
  '^': 0.8,
  '~': 0.8,
  '\u0001': 0.95,
  '\u001f': 0.95,
  '¦': 0.9,
  '§': 0.8,
  '#': 0.6,
  ':': 0.55,
  ' ': 0.6,
  '&': 0.55,
  '@': 0.55,
  '!': 0.55,
  '*': 0.55,
  '=': 0.5,
  '/': 0.5,
};
// Enough records to outvote a preamble, few enough to stay below a millisecond.
const RECORDS = 120;
// A literal escape that some exporters write instead of the character, and signs that divide only when they are doubled.
const WRITTEN = ['\\t', '$$', '%%', '++', '--', '??'];
// Tells line endings apart without reading a large head twice.
const LINE_ENDING_BYTES = 16 * 1024;
const TYPED_SHARE = 0.7;
const MOST_CANDIDATES = 5;
// Quotes are plain text only where several do not pair and none does.
const FEWEST_STRAY = 3;

interface Candidate {
  delimiter: string;
  quote: string;
  escape: string;
  score: number;
  columns: number;
  share: number;
  /** Fields in quotes that are as they should be, and records whose quotes are not. */
  quoted: boolean;
  irregular: number;
}

/** The line ending of the first lines. Carriage returns alone count where they outnumber line feeds, which cells may hold. */
export function detectLineEnding(text: Buffer): LineEnding {
  let alone = 0;
  let feeds = 0;
  let pairs = 0;
  const end = Math.min(text.length, LINE_ENDING_BYTES);
  for (let i = 0; i < end; i++) {
    const c = text[i];
    if (c === LF) {
      feeds++;
      if (text[i - 1] === CR) pairs++;
    } else if (c === CR && text[i + 1] !== LF) alone++;
  }
  if (alone > feeds) return 'cr';
  return pairs > feeds / 2 ? 'crlf' : 'lf';
}

/** Finds delimiter, quote and escape of the head of a file by how evenly they divide its records. */
export function detectDialect(sample: Sample, lineEnding: LineEnding, hints: DialectHints): DetectedDialect {
  const fields = createFields();
  const text = sample.text.toString('utf8', 0, sample.end);
  const quotes = hints.quote === undefined ? quotesIn(text) : [hints.quote];
  const attempt = (delimiter: string, quote: string, escaping: string): Candidate =>
    assess(sample, { delimiter, quote, escape: escaping, lineEnding }, text, fields);

  if (hints.delimiter === undefined && quotes[0] === '"') {
    const usual = attempt(',', '"', '"');
    const even = usual.share === 1 && usual.columns > 1 && usual.score > 0.7;
    if (even && !text.includes('\\"') && followed(text, ',') === undefined) return decide(usual, lineEnding);
  }
  let best: Candidate | undefined;
  for (const delimiter of hints.delimiter === undefined ? delimitersIn(text) : [hints.delimiter]) {
    let stray = false;
    for (const quote of quotes) {
      if (quote === '' && !stray && hints.quote === undefined) continue;
      let paired = true;
      for (const escaping of [quote || '"', '\\']) {
        // Backslashes are text as long as doubled quotes explain everything.
        if (escaping === '\\' && (paired || quote === '' || !text.includes(`\\${quote}`))) continue;
        const candidate = attempt(delimiter, quote, escaping);
        paired = candidate.irregular === 0;
        stray ||= quote === '"' && !candidate.quoted && candidate.irregular >= FEWEST_STRAY;
        // The plainer reading is tried first and kept unless another is clearly better.
        if (best === undefined || candidate.score > best.score + 0.02) best = candidate;
      }
    }
  }
  if (best !== undefined && hints.delimiter === undefined && isCoincidence(best, text)) best = undefined;
  if (best === undefined || (best.columns < 2 && hints.delimiter === undefined)) {
    // Commas in a single column are text.
    best = attempt(hints.delimiter ?? (text.includes(',') ? '' : ','), quotes[0] ?? '"', quotes[0] || '"');
  }
  return decide(best, lineEnding);
}

function decide(best: Candidate, lineEnding: LineEnding): DetectedDialect {
  const { delimiter, quote, columns, share, score } = best;
  return {
    delimiter,
    quote,
    escape: best.escape,
    lineEnding,
    columns,
    evidence: `${Math.round(share * 100)} % of the first records have ${columns} field(s)`,
    confidence: Math.max(0.1, Math.min(1, score)),
  };
}

/**
 * Whether a delimiter that also stands inside dates and prose divides nothing but those: the lines are values as they are, or
 * fall into two texts.
 */
function isCoincidence({ delimiter, columns }: Candidate, text: string): boolean {
  if ((DELIMITERS[delimiter] ?? 0.5) >= 0.9 || STRONG.includes(delimiter[0] as string) || delimiter[0] === ',')
    return false;
  const lines = text
    .split(/\r\n|\n|\r/, RECORDS)
    .slice(1)
    .filter((line) => line.trim() !== '');
  const typed = (cells: string[]): number => cells.filter((cell) => !['text', 'empty'].includes(cellKind(cell))).length;
  if (lines.length > 0 && typed(lines) >= lines.length * TYPED_SHARE) return true;
  if (columns > 2) return false;
  const pairs = lines.map((line) => line.split(delimiter));
  return [0, 1].every((c) => typed(pairs.map((pair) => pair[c] ?? '')) < lines.length * TYPED_SHARE);
}

/** Scores one dialect: share of records with the commonest number of fields, weighed by how clean the cells are. */
function assess(
  sample: Sample,
  dialect: { delimiter: string; quote: string; escape: string; lineEnding: LineEnding },
  text: string,
  fields: Fields,
): Candidate {
  const spec = specOf(dialect);
  const records = readRecords(sample, spec, RECORDS, fields);
  const { columns, rows } = commonest(records);
  const irregular = records.reduce((n, r) => n + (r.irregular ? 1 : 0), 0);
  const share = records.length === 0 ? 0 : rows / records.length;
  const odd = records.length === 0 ? 0 : irregular / records.length;
  const prior = DELIMITERS[dialect.delimiter] ?? DELIMITERS[dialect.delimiter[0] as string] ?? 0.5;
  const dirt = columns > 1 ? foreignShare(sample, records, dialect.delimiter, text, spec) : 0;
  const width = columns > 1 ? 1 - 1 / (2 * columns) : 0.1;
  const quoted = records.some((r) => r.quoted);
  // Quotes stand beside the true delimiter; a false one leaves them inside its fields.
  const lone = columns > 1 ? records.reduce((n, r) => n + (r.loneQuote ? 1 : 0), 0) / records.length : 0;
  const even = share * (1 - odd / 2) * (1 - lone / 2);
  return { ...dialect, columns, share, quoted, irregular, score: even * prior * width * (1 - dirt) };
}

function commonest(records: SampleRecord[]): { columns: number; rows: number } {
  const counts = new Map<number, number>();
  for (const r of records) counts.set(r.count, (counts.get(r.count) ?? 0) + 1);
  let columns = 1;
  let rows = 0;
  for (const [count, n] of counts) {
    // Single fields are titles and notes as long as anything else repeats.
    const better = n > rows || (n === rows && count > columns);
    if (count > 1 && (better || columns === 1)) [columns, rows] = [count, n];
  }
  const single = counts.get(1) ?? 0;
  if (columns === 1 || single > 2 * rows) return { columns: 1, rows: single };
  return { columns, rows };
}

const STRONG = [';', '\t', '|'];

/** Share of records whose text outside quotes holds another strong delimiter as often as this one. */
function foreignShare(sample: Sample, records: SampleRecord[], delimiter: string, text: string, spec: Spec): number {
  const others = STRONG.filter((s) => s !== delimiter[0] && text.includes(s)).map((s) => s.charCodeAt(0));
  const weak = (DELIMITERS[delimiter] ?? 0.5) < 0.9;
  if (weak && delimiter[0] !== ',') others.push(','.charCodeAt(0));
  if (others.length === 0) return 0;
  let dirty = 0;
  for (const r of records) {
    const seen = others.map(() => 0);
    let quoted = false;
    for (let i = r.start; i < r.contentEnd; i++) {
      const c = sample.text[i] as number;
      if (c === spec.quote) quoted = !quoted;
      else if (!quoted) {
        const k = others.indexOf(c);
        if (k >= 0) seen[k] = (seen[k] as number) + 1;
      }
    }
    if (seen.some((n) => n > 0 && n >= (r.count - 1) / 2)) dirty++;
  }
  return records.length === 0 ? 0 : (0.6 * dirty) / records.length;
}

/** Delimiters worth trying: on at least half of the lines, likeliest first, with their two-character forms. */
function delimitersIn(text: string): string[] {
  const lines = text
    .split(/\r\n|\n|\r/)
    .slice(0, RECORDS)
    .filter((line) => line !== '');
  const singles = Object.keys(DELIMITERS)
    .map((delimiter) => ({ delimiter, lines: lines.reduce((n, line) => n + (line.includes(delimiter) ? 1 : 0), 0) }))
    .filter((c) => c.lines > 0 && c.lines >= lines.length * 0.4)
    .slice(0, MOST_CANDIDATES + 3)
    .map((c) => c.delimiter);
  const found: string[] = WRITTEN.filter((w) => lines.every((line) => line.includes(w)));
  for (const single of singles) {
    found.push(followed(text, single) ?? preceded(text, single) ?? single);
  }
  return found.length > 0 ? found : [','];
}

// A pair is a delimiter only when nearly every occurrence is one: a forgotten blank happens, prose with commas does not qualify.
const PAIR_SHARE = 0.95;

/** The two-character delimiter that begins with `single`, when nearly every `single` stands in it. */
function followed(text: string, single: string): string | undefined {
  const after = new Map<string, number>();
  let total = 0;
  let skip = -1;
  for (let at = text.indexOf(single); at >= 0; at = text.indexOf(single, at + 1)) {
    if (at <= skip) continue;
    const next = text[at + 1] ?? '';
    if (next === single) skip = at + 1;
    total++;
    after.set(next, (after.get(next) ?? 0) + 1);
  }
  for (const [next, n] of after) {
    if (n >= total * PAIR_SHARE && total > 1 && /^[ \t|~^;:#$%&!*+=<>§¦]$/.test(next)) return single + next;
  }
  return undefined;
}

// Signs that begin a pair; blanks before a delimiter belong to the cell.
const FIRST_OF_PAIR = /^[|~^;:#$%&!*+=<>§¦]$/;

/** The two-character delimiter that ends with `single`, when nearly every `single` stands in it. */
function preceded(text: string, single: string): string | undefined {
  const before = text[text.indexOf(single) - 1] ?? '';
  if (!FIRST_OF_PAIR.test(before)) return undefined;
  const total = text.split(single).length - 1;
  const pairs = text.split(before + single).length - 1;
  return total > 1 && pairs >= total * PAIR_SHARE ? before + single : undefined;
}

/** Quotes worth trying. Apostrophes only where they stand at the edge of a field. */
function quotesIn(text: string): string[] {
  const double = text.includes('"');
  const single = /(^|[,;\t|:\r\n] ?)'/.test(text) && /'( ?[,;\t|:\r\n]|$)/.test(text);
  const quotes = double || !single ? ['"'] : ["'", '"'];
  if (double && single) quotes.push("'");
  if (double) quotes.push('');
  return quotes;
}
