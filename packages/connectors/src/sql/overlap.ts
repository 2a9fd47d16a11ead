// Late commits and clocks that differ: transactions of business systems end within seconds, clocks are minutes apart at worst.
export const TIME_OVERLAP_SECONDS = 300;

const TIME = /^(\d{4})-(\d\d)-(\d\d)(?:([ T])(\d\d):(\d\d):(\d\d)(.*))?$/s;
const WHOLE = /^-?\d+$/;
const NUMBER = /^-?\d+(\.\d+)?$/;

/**
 * Where to read from again after `value`: no text of the same form that is less than `overlap` behind it sorts before the answer.
 * Text that is neither time nor number is its own bound.
 */
export function lowerBound(value: string, overlap: number | undefined): string {
  const time = TIME.exec(value);
  if (time) return earlier(value, time, overlap ?? TIME_OVERLAP_SECONDS);
  if (!NUMBER.test(value) || !overlap) return value;
  const back = BigInt(Math.ceil(overlap));
  if (WHOLE.test(value)) return String(BigInt(value) - back);
  const [whole = '0'] = value.split('.');
  return String(BigInt(whole) - back - (value.startsWith('-') ? 1n : 0n));
}

function earlier(value: string, time: RegExpExecArray, overlap: number): string {
  if (overlap === 0) return value;
  const [year, month, day, hour = 0, minute = 0, second = 0] = [1, 2, 3, 5, 6, 7].map((group) => time[group] ?? 0);
  const at = new Date(0);
  at.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  at.setUTCHours(Number(hour), Number(minute), Number(second) - Math.ceil(overlap));
  if (at.getUTCFullYear() < 1) return value;
  const [date = '', clock = ''] = at.toISOString().slice(0, 19).split('T');
  return time[4] === undefined ? date : `${date}${time[4]}${clock}${time[8]}`;
}

/** Whether nothing behind `value` is read again. */
export const hasNoOverlap = (value: string, overlap: number | undefined): boolean =>
  (overlap ?? (TIME.test(value) ? TIME_OVERLAP_SECONDS : 0)) === 0;
