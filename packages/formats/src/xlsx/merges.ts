import { zipEntrySource } from '../container/zip.js';
import { formatError } from '../errors.js';
import { findPart, type Package } from './parts.js';
import { type MergedRange, rangeOf } from './references.js';

const CELLS = 'sheetData';
const END_OF_CELLS = /<\/(?:[\w.-]{1,64}:)?sheetData\s*>|<(?:[\w.-]{1,64}:)?sheetData\s*\/>/;
// Bounded and without `<`, so that a hostile part is not searched over and over.
const MERGED = /<(?:[\w.-]{1,64}:)?mergeCell\s[^<>]{0,200}?\bref\s*=\s*["']([^"'<>]{0,40})["']/g;
// Longer than any element that is looked for: what may be the start of one waits for the next chunk.
const LONGEST_ELEMENT = 400;

/** Collects the merged ranges of a workbook's sheets, all of them together up to a limit. */
export function createMergeReader(file: Package): (part: string) => Promise<MergedRange[]> {
  let total = 0;
  return async (part) => {
    const ranges = await readMerges(file, part, file.limits.mergedRanges - total);
    total += ranges.length;
    return ranges;
  };
}

/**
 * The merged ranges of a sheet from top to bottom. They stand behind its cells, so the part is unpacked once before it is parsed;
 * looking for bytes costs a small share of what parsing does. Throws `limit.merged-ranges`.
 */
async function readMerges(file: Package, part: string, most: number): Promise<MergedRange[]> {
  const entry = findPart(file, part);
  if (entry === undefined) return [];
  const ranges: MergedRange[] = [];
  let inCells = true;
  let kept: Buffer = Buffer.alloc(0);
  for await (const chunk of zipEntrySource(file, entry, file.name, file.limits).chunks()) {
    const bytes = Buffer.concat([kept, chunk]);
    kept = bytes.subarray(-LONGEST_ELEMENT);
    let text = '';
    if (!inCells) text = bytes.toString('latin1');
    else if (bytes.includes(CELLS)) {
      const all = bytes.toString('latin1');
      const end = END_OF_CELLS.exec(all);
      if (end === null) continue;
      inCells = false;
      text = all.slice(end.index + end[0].length);
    }
    let read = 0;
    for (const found of text.matchAll(MERGED)) {
      read = found.index + found[0].length;
      const range = rangeOf(found[1] ?? '');
      if (range !== undefined) ranges.push(range);
      if (ranges.length > most) throw tooManyRanges(file.name, file.limits.mergedRanges);
    }
    if (!inCells) kept = Buffer.from(text.slice(Math.max(read, text.length - LONGEST_ELEMENT)), 'latin1');
  }
  return ranges.sort((a, b) => a.top - b.top || a.left - b.left);
}

const tooManyRanges = (name: string, limit: number): Error =>
  formatError(
    'limit.merged-ranges',
    `${name} has more than ${limit} merged ranges: unmerge the cells of the rows, or raise the limit. 合并单元格超过 ${limit} 处，请取消数据行的合并`,
    { file: name, limit },
  );
