import { SonghuaError } from '@songhua/domain';

const SECONDS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** `90d`, `24h`, `30m` or `10s` in seconds; throws `usage.duration` naming the option. */
export function parseDuration(option: string, text: string): number {
  const [, count, unit] = /^([1-9][0-9]{0,8})([smhd])$/.exec(text) ?? [];
  if (count !== undefined && unit !== undefined) return Number(count) * (SECONDS[unit] ?? 0);
  throw new SonghuaError('usage.duration', `${option} ${text} is not a time: write it as in 90d, 24h, 30m or 10s`, {
    actor: 'operator',
  });
}
