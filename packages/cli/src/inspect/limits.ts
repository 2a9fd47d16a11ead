import { SonghuaError } from '@songhua/domain';
import { DEFAULT_LIMITS, LARGEST_LIMITS, type Limits } from '@songhua/formats';

const NAMES = Object.keys(DEFAULT_LIMITS) as (keyof Limits)[];

// What the format of batches fixes; the rest is for who runs the machine to decide.
const FIXED: ReadonlySet<keyof Limits> = new Set(['fieldBytes', 'rowBytes']);

/** Limits as `NAME=VALUE` texts tell them; of one name told twice the last holds. Throws `usage.limit`. */
export function parseLimits(texts: readonly string[]): Partial<Limits> {
  const limits: Partial<Limits> = {};
  for (const text of texts) {
    const [, name = '', value = ''] = /^([^=]*)=?([\s\S]*)$/.exec(text) ?? [];
    const known = NAMES.find((candidate) => candidate === name);
    if (known === undefined) {
      throw wrong(
        text,
        `there is no limit ${JSON.stringify(name)}; the limits are ${NAMES.join(', ')}`,
        '没有这个上限',
      );
    }
    const number = Number(value);
    const most = FIXED.has(known) ? LARGEST_LIMITS[known] : Number.MAX_SAFE_INTEGER;
    if (!/^\d+$/.test(value) || number < 1 || number > most) {
      throw wrong(
        text,
        `expected a whole number from 1 to ${most}, e.g. ${known}=${DEFAULT_LIMITS[known]}`,
        `应为 1 到 ${most} 的整数`,
      );
    }
    limits[known] = number;
  }
  return limits;
}

const wrong = (text: string, problem: string, zh: string): Error =>
  new SonghuaError('usage.limit', `--limit ${JSON.stringify(text.slice(0, 100))}: ${problem}. ${zh}`, {
    actor: 'operator',
  });
