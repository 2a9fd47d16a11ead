import { attribute, localName, type Package, readPart } from './parts.js';

/** How the numbers of a cell format are shown, as far as it changes what they are. */
export type NumberStyle =
  | { kind: 'plain' }
  | { kind: 'date' | 'datetime' | 'time' | 'duration'; fraction: boolean }
  | { kind: 'padded'; digits: number };

const PLAIN: NumberStyle = { kind: 'plain' };
// Formats that a file need not define; 27 to 36 and 50 to 58 are dates in Chinese, Japanese and Korean editions.
const BUILT_IN: Record<number, string> = {
  14: 'yyyy-mm-dd',
  15: 'd-mmm-yy',
  16: 'd-mmm',
  17: 'mmm-yy',
  18: 'h:mm AM/PM',
  19: 'h:mm:ss AM/PM',
  20: 'h:mm',
  21: 'h:mm:ss',
  22: 'yyyy-mm-dd h:mm',
  45: 'mm:ss',
  46: '[h]:mm:ss',
  47: 'mm:ss.0',
};
const isEastAsianDate = (id: number): boolean => (id >= 27 && id <= 31) || id === 36 || (id >= 50 && id <= 58);
const isEastAsianTime = (id: number): boolean => id >= 32 && id <= 35;

/** The number styles of a workbook's cell formats, in order. */
export async function readStyles(file: Package, part: string | undefined): Promise<NumberStyle[]> {
  if (part === undefined) return [];
  const custom = new Map<number, string>();
  const styles: NumberStyle[] = [];
  let inCells = false;
  await readPart(file, part, {
    open(name, attributes) {
      const local = localName(name);
      if (local === 'cellXfs') inCells = true;
      if (local === 'numFmt') {
        custom.set(Number(attribute(attributes, 'numFmtId')), attribute(attributes, 'formatCode') ?? '');
      }
      if (local !== 'xf' || !inCells) return;
      const id = Number(attribute(attributes, 'numFmtId') ?? 0);
      styles.push(styleOf(id, custom.get(id)));
    },
    text: () => undefined,
    close(name) {
      if (localName(name) === 'cellXfs') inCells = false;
    },
  });
  return styles;
}

function styleOf(id: number, custom: string | undefined): NumberStyle {
  const code = custom ?? BUILT_IN[id];
  if (code !== undefined) return numberStyle(code);
  if (isEastAsianDate(id)) return { kind: 'date', fraction: false };
  if (isEastAsianTime(id)) return { kind: 'time', fraction: false };
  return PLAIN;
}

/** What a format code makes of a number. */
export function numberStyle(code: string): NumberStyle {
  const first = code.split(';', 1)[0] ?? '';
  // Text in quotes, escaped characters, fillers, colours, conditions and locales say nothing; [h] and its like do.
  const bare = first
    .replace(/"[^"]*"|\\.|[_*]./g, '')
    .replace(/\[(?!(h+|m+|s+)\])[^\]]*\]/gi, '')
    .toLowerCase();
  if (/^0{2,}$/.test(bare)) return { kind: 'padded', digits: bare.length };
  if (/general|[#?]|e[+-]|%|@/.test(bare)) return PLAIN;
  const fraction = /s\.0/.test(bare);
  if (/\[(h+|m+|s+)\]/.test(bare)) return { kind: 'duration', fraction };
  const time = /[hs]|am\/pm|上午/.test(bare);
  // An m is minutes beside hours or seconds, and months otherwise.
  const date = /[yd]|[年月日]/.test(bare) || (/m/.test(bare) && !time) || /aaa|ge/.test(bare);
  if (!date && !time) return PLAIN;
  return { kind: date ? (time ? 'datetime' : 'date') : 'time', fraction };
}
