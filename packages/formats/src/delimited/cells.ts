// No number, date or identifier is longer.
const LONGEST_TYPED = 80;

/** What a cell looks like, as far as telling a header from data needs it. */
export type CellKind = 'empty' | 'number' | 'date' | 'time' | 'code' | 'text';

const NUMBER =
  /^[+\-(]?[¥￥$€£]?\s?[+-]?(\d{1,3}([,，' ]\d{3})+|\d+)?([.,]\d+)?([eE][+-]?\d+)?\s?(%|％|‰|元|万元|亿元|人|个|米|公里|kg|km|m)?\)?$/;
const DATE =
  /^\d{4}([-/.年])\d{1,2}([-/.月]\d{1,2}日?|月)?([ T]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$|^\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}( \d{1,2}:\d{2}(:\d{2})?)?$/;
const TIME = /^\d{1,2}:\d{2}(:\d{2})?( ?[AaPp][Mm])?$/;
// Identifiers: letters and digits without blanks, at least one digit and two characters.
const CODE = /^(?=.*\d)[A-Za-z0-9][A-Za-z0-9_\-./:]+$|^https?:\/\//;

/** Words that stand for a blank cell, so they say nothing about a column's kind. */
export const BLANK_WORD = /^(-+|—+|\/|\*+|\.+|n\/?a|nan|null|none|nil|unknown|无|空|暂无|未知|不详|—|－)$/i;

export function cellKind(cell: string): CellKind {
  const text = cell.trim();
  if (text === '') return 'empty';
  if (text.length > LONGEST_TYPED) return 'text';
  if (/\d/.test(text)) {
    if (NUMBER.test(text)) return 'number';
    if (DATE.test(text)) return 'date';
    if (TIME.test(text)) return 'time';
    if (CODE.test(text)) return 'code';
  }
  return 'text';
}
