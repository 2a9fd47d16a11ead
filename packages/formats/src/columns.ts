import type { SourceColumn } from './types.js';

// Invisible marks that exports leave in headers: zero-width characters, byte order mark, soft hyphen.
const INVISIBLE = /[\u00ad\u200b-\u200d\u2060\ufeff]/g;
// Line breaks, tabs, no-break and ideographic spaces.
const SPACE = /[\s\p{Cc}]+/gu;

/** A header as a column name: invisible marks removed, white space collapsed; letters and their case stay. */
export function cleanName(header: string): string {
  return header.replace(INVISIBLE, '').replace(SPACE, ' ').trim();
}

/**
 * Columns for headers in order: cleaned, blanks named `column_<position>`, duplicates numbered `<name>_2` …
 * Each keeps its header as `source`.
 */
export function nameColumns(headers: string[]): SourceColumn[] {
  const cleaned = headers.map(cleanName);
  const taken = new Set(cleaned.filter((name) => name !== ''));
  const used = new Set<string>();
  // Where numbering goes on, so that thousands of columns of one name are not tried from 2 each.
  const numbers = new Map<string, number>();
  return headers.map((source, index) => {
    const base = cleaned[index] || `column_${index + 1}`;
    let name = base;
    let n = numbers.get(base) ?? 2;
    while (used.has(name) || (name !== cleaned[index] && taken.has(name))) name = `${base}_${n++}`;
    numbers.set(base, n);
    used.add(name);
    return { name, source };
  });
}

/** `column_1` … for a table without a header. */
export const unnamedColumns = (count: number): SourceColumn[] => nameColumns(Array.from({ length: count }, () => ''));
