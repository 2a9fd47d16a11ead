import { DateTime } from 'luxon';

export interface DateStyle {
  /** `iso`, `epochSeconds`, `epochMilliseconds`, or a Luxon pattern. */
  format: string;
  timezone: string;
}

/** A moment as the source wants it. */
export function formatMoment(moment: DateTime, { format, timezone }: DateStyle): string | number {
  const local = moment.setZone(timezone);
  if (format === 'iso') return local.toISO({ suppressMilliseconds: true }) ?? '';
  if (format === 'epochSeconds') return Math.floor(local.toSeconds());
  if (format === 'epochMilliseconds') return local.toMillis();
  return local.toFormat(format, { locale: 'en' });
}

/** A text as a moment; undefined for what is none. ISO dates are read whatever the format. */
export function parseMoment(text: string, { format, timezone }: DateStyle): DateTime | undefined {
  const zone = { zone: timezone, setZone: true };
  const tries = [
    () =>
      /^-?\d{1,15}$/.test(text) && format === 'epochSeconds' ? DateTime.fromSeconds(Number(text), zone) : undefined,
    () =>
      /^-?\d{1,17}$/.test(text) && format === 'epochMilliseconds' ? DateTime.fromMillis(Number(text), zone) : undefined,
    () => (/^(iso|epoch)/.test(format) ? undefined : DateTime.fromFormat(text, format, { ...zone, locale: 'en' })),
    () => DateTime.fromISO(text, zone),
    () => DateTime.fromSQL(text, zone),
  ];
  for (const attempt of tries) {
    const moment = attempt();
    if (moment?.isValid) return moment;
  }
  return undefined;
}

type Unit = 'millisecond' | 'second' | 'minute' | 'hour' | 'day' | 'month' | 'year';

const UNIT_OF_NAME: Record<string, Unit> = {
  iso: 'millisecond',
  epochMilliseconds: 'millisecond',
  epochSeconds: 'second',
};
const UNITS: [Unit, RegExp][] = [
  ['millisecond', /S/],
  ['second', /s/],
  ['minute', /m/],
  ['hour', /[hH]/],
  ['day', /[do]/],
  ['month', /[ML]/],
];

/** The smallest unit that the format shows. */
export function unitOf(format: string): Unit {
  const pattern = format.replace(/'[^']*'/g, '');
  return UNIT_OF_NAME[format] ?? UNITS.find(([, shows]) => shows.test(pattern))?.[0] ?? 'year';
}
