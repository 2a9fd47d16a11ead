import type { NumberStyle } from './styles.js';

const DAY_MS = 86_400_000;
const EPOCH_1900 = Date.UTC(1899, 11, 31);
const EPOCH_1904 = Date.UTC(1904, 0, 1);
// The 29 February 1900 that spreadsheets count and that never was.
const LEAP_BUG_DAY = 60;
// 9999-12-31, the last day that spreadsheets show.
const LAST_DAY = 2_958_465;
// Spreadsheets calculate with 15 digits; what a file stores beyond is binary dust.
const DIGITS = 15;
const PLAIN_NUMBER = /^-?\d{1,15}(\.\d{1,14})?$/;

/** A stored number as the text a reader of the sheet would copy: digits, or a date or time where the style shows one. */
export function numberText(stored: string, style: NumberStyle, date1904: boolean): string {
  const text = digits(stored);
  if (style.kind === 'plain') return text;
  const value = Number(stored);
  if (!Number.isFinite(value)) return text;
  if (style.kind === 'padded') {
    return Number.isSafeInteger(value) && value >= 0 ? text.padStart(style.digits, '0') : text;
  }
  return dateText(value, style, date1904) ?? text;
}

function digits(stored: string): string {
  if (PLAIN_NUMBER.test(stored) && stored.replace(/\D/g, '').length <= DIGITS) return stored;
  const value = Number(stored);
  if (stored.trim() === '' || !Number.isFinite(value)) return stored;
  const rounded = Number(value.toPrecision(DIGITS));
  const text = String(rounded);
  // Large integers are written out, so that nobody reads the exponent as a name.
  return /e\+/.test(text) && Math.abs(rounded) < 1e21 + 1e20 ? BigInt(rounded).toString() : text;
}

/** Whether a number has more digits than a spreadsheet keeps, as identity numbers typed as numbers do. */
export const isBeyondPrecision = (stored: string): boolean => Math.abs(Number(stored)) >= 1e15;

function dateText(
  value: number,
  { kind, fraction }: { kind: 'date' | 'datetime' | 'time' | 'duration'; fraction: boolean },
  date1904: boolean,
): string | undefined {
  const unit = fraction ? 1 : 1000;
  const total = Math.round((value * DAY_MS) / unit) * unit;
  if (value < 0 || total >= (LAST_DAY + 1) * DAY_MS) return undefined;
  if (kind === 'duration') return clock(total, fraction);
  const day = Math.floor(total / DAY_MS);
  const time = clock(total % DAY_MS, fraction);
  if (kind === 'time' || (day === 0 && kind === 'datetime' && !date1904)) return time;
  if (!date1904 && (day === LEAP_BUG_DAY || day === 0)) return undefined;
  const days = date1904 || day < LEAP_BUG_DAY ? day : day - 1;
  const date = new Date((date1904 ? EPOCH_1904 : EPOCH_1900) + days * DAY_MS).toISOString().slice(0, 10);
  // A cell that shows a day only may still carry a time; it is kept, because it is in the source.
  return kind === 'date' && total % DAY_MS === 0 ? date : `${date} ${time}`;
}

function clock(ms: number, fraction: boolean): string {
  const two = (n: number): string => String(n).padStart(2, '0');
  const seconds = Math.floor(ms / 1000);
  const text = `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return fraction && ms % 1000 > 0 ? `${text}.${String(ms % 1000).padStart(3, '0')}` : text;
}
