/** `AB12` → 27; the columns of a sheet count from 0. Undefined where no letter begins the reference. */
export function columnOf(reference: string | undefined): number | undefined {
  if (reference === undefined) return undefined;
  let column = 0;
  let k = 0;
  for (; k < reference.length; k++) {
    const letter = reference.charCodeAt(k) & ~0x20;
    if (letter < 0x41 || letter > 0x5a) break;
    column = column * 26 + letter - 0x40;
  }
  return k === 0 ? undefined : column - 1;
}

/** `27, 12` → `AB12`: how a clerk finds a cell. */
export function referenceOf(column: number, row: number): string {
  let name = '';
  for (let n = column + 1; n > 0; n = Math.floor((n - 1) / 26))
    name = String.fromCharCode(0x41 + ((n - 1) % 26)) + name;
  return `${name}${row}`;
}

/** A rectangle of cells that a sheet shows as one, with the value of its first cell. Rows count from 1, columns from 0. */
export interface MergedRange {
  top: number;
  left: number;
  bottom: number;
  right: number;
}

const RANGE = /^\$?([A-Za-z]{1,3})\$?(\d{1,7}):\$?([A-Za-z]{1,3})\$?(\d{1,7})$/;

/** `A2:B4` as rows and columns; undefined where it is no range of several cells. */
export function rangeOf(reference: string): MergedRange | undefined {
  const [, from, top, to, bottom] = RANGE.exec(reference.trim()) ?? [];
  if (from === undefined) return undefined;
  const range = {
    top: Number(top),
    left: columnOf(from) as number,
    bottom: Number(bottom),
    right: columnOf(to) as number,
  };
  const several = range.bottom > range.top || range.right > range.left;
  return several && range.top > 0 && range.bottom >= range.top && range.right >= range.left ? range : undefined;
}
