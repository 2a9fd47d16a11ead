// Late commits and clocks that differ: transactions of business systems end within seconds, clocks are minutes apart at worst.
const TIME_OVERLAP_SECONDS = 300;
// Serial numbers are given before their transactions end; so many are not given while one of them lasts.
const NUMBER_OVERLAP = 1_000;

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
  if (!NUMBER.test(value) || overlap === 0) return value;
  const back = BigInt(Math.ceil(overlap ?? NUMBER_OVERLAP));
  if (WHOLE.test(value)) return String(BigInt(value) - back);
  const [whole = '0'] = value.split('.');
  return String(BigInt(whole) - back - (value.startsWith('-') ? 1n : 0n));
}

function earlier(value: string, time: RegExpExecArray, overlap: number): string {
  if (overlap === 0) return value;
  const at = momentOf(time);
  at.setUTCSeconds(at.getUTCSeconds() - Math.ceil(overlap));
  return at.getUTCFullYear() < 1 ? value : written(at, time);
}

function momentOf(time: RegExpExecArray): Date {
  const [year, month, day, hour = 0, minute = 0, second = 0] = [1, 2, 3, 5, 6, 7].map((group) => time[group] ?? 0);
  const at = new Date(0);
  at.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  at.setUTCHours(Number(hour), Number(minute), Number(second));
  return at;
}

/** A moment in the form of `sample`, whose fraction and zone it keeps. */
function written(at: Date, sample: RegExpExecArray): string {
  const [date = '', clock = ''] = at.toISOString().slice(0, 19).split('T');
  return sample[4] === undefined ? date : `${date}${sample[4]}${clock}${sample[8]}`;
}

const UTC = /(?:Z|[+-]00(?::?00)?)$/;
// Where no zone is written, it may be that of the clocks that are furthest ahead of UTC.
const FURTHEST_ZONE_MS = 14 * 3_600_000;
// What has no end, or a year of more than four digits.
const FOR_EVER = /^(?:infinity$|\d{5,}-\d\d-\d\d)/;

/**
 * The end of the present where `value` lies behind it, in the form of `value`; undefined where it does not, or is no time. A row that
 * is dated ahead (a slip, "valid for ever") must not move a cursor, or what is written until then would never be read.
 */
export function presentBefore(value: string, now: Date): string | undefined {
  if (FOR_EVER.test(value)) return now.toISOString().slice(0, 19).replace('T', ' ');
  const time = TIME.exec(value);
  if (!time) return undefined;
  const present = new Date(now.getTime() + (UTC.test(time[8] ?? '') ? 0 : FURTHEST_ZONE_MS));
  return momentOf(time) > present ? written(present, time) : undefined;
}

/** Whether nothing behind `value` is read again. */
export const hasNoOverlap = (value: string, overlap: number | undefined): boolean =>
  overlap === 0 || (overlap === undefined && !TIME.test(value) && !NUMBER.test(value));
