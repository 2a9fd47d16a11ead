import { DOMParser, type Element } from '@xmldom/xmldom';
import { strFromU8, unzipSync } from 'fflate';

const elements = (parent: { getElementsByTagName(name: string): Iterable<Element> }, name: string): Element[] => [
  ...parent.getElementsByTagName(name),
];

const parseXml = (text: string) => new DOMParser().parseFromString(text, 'text/xml');

/** Records of the JSON that the city writes, header first; digits as `JSON.parse` sees them. */
export function jsonRecords(text: string): string[][] {
  const { data } = JSON.parse(text) as { data: { records: Record<string, string | number | null>[] } };
  const keys = [...new Set(data.records.flatMap((record) => Object.keys(record)))];
  // The source's own digits, since a parsed 1.50 is 1.5.
  const digits = [...text.matchAll(/"((?:[^"\\]|\\.)*)": ?(-?\d[\d.]*)(?=[,}\s])/g)]
    .map((match) => match[2] as string)
    .slice(1);
  let next = 0;
  const rows = data.records.map((record) => {
    const cells = new Map<string, string>();
    for (const [key, value] of Object.entries(record))
      cells.set(key, typeof value === 'number' ? (digits[next++] as string) : (value ?? ''));
    return keys.map((key) => cells.get(key) ?? '');
  });
  return [keys, ...rows];
}

export function xmlRecords(text: string): string[][] {
  const rows = elements(parseXml(text), 'row').map((row) => {
    // Elements only: between them there may be line breaks.
    const cells = ([...row.childNodes] as Element[]).filter((node) => node.nodeType === 1);
    return new Map(cells.map((cell) => [cell.tagName, cell.textContent ?? '']));
  });
  const names = [...new Set(rows.flatMap((row) => [...row.keys()]))];
  return [names, ...rows.map((row) => names.map((name) => row.get(name) ?? ''))];
}

/** Rows of the first sheet, with the title above and the note below left out, and days as ISO dates. */
export function xlsxRecords(bytes: Buffer): string[][] {
  const parts = unzipSync(bytes);
  const part = (name: string) => parseXml(strFromU8(parts[name] as Uint8Array));
  const strings = elements(part('xl/sharedStrings.xml'), 'si').map((item) => item.textContent ?? '');
  const rows = elements(part('xl/worksheets/sheet1.xml'), 'row').map((row) => {
    const cells: string[] = [];
    for (const cell of elements(row, 'c')) {
      const reference = (cell.getAttribute('r') ?? '').replace(/\d+/, '');
      const column = [...reference].reduce((n, letter) => n * 26 + letter.charCodeAt(0) - 64, 0) - 1;
      const value = cell.textContent ?? '';
      if (cell.getAttribute('t') === 's') cells[column] = strings[Number(value)] as string;
      else if (cell.getAttribute('s') === '1') cells[column] = isoDay(Number(value));
      else cells[column] = value;
    }
    return cells;
  });
  const width = Math.max(...rows.map((row) => row.length));
  const table = rows.filter((row) => row.length > 1 || width === 1);
  return table.map((row) => Array.from({ length: width }, (_, k) => row[k] ?? ''));
}

const isoDay = (day: number): string => new Date((day - 25_569) * 86_400_000).toISOString().slice(0, 10);
