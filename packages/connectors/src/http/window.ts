import { sourceError } from '@songhua/connector-sdk';
import type { SyncRange } from '@songhua/contracts';
import { DateTime, Duration } from 'luxon';
import type { WindowConfig } from './config.js';
import { formatMoment, parseMoment, unitOf } from './dates.js';
import type { Parameter } from './plan.js';

export interface Window {
  /** Its start, as the source is asked for it. */
  name: string;
  parameters: Parameter[];
  end: DateTime;
}

// A window a day for more than fifty years.
const MAX_WINDOWS = 20_000;

/**
 * The windows from `config.from` until now, the one that holds now included; those before `position` (ISO, the end of the last one that
 * was over when it was read) are left out, as far as they do not overlap.
 */
export function windowsUntil(config: WindowConfig, now: DateTime, position: string | undefined): Window[] {
  const from = DateTime.fromISO(config.from, { zone: config.timezone });
  const overlap = Duration.fromISO(config.overlap ?? 'PT0S');
  const after = position === undefined ? undefined : DateTime.fromISO(position).minus(overlap);
  return windowsBetween(config, { from, until: now, after });
}

/** The windows of a range, both bounds included; throws `connector.config-invalid` for bounds that are no dates. */
export function windowsOf(config: WindowConfig, range: SyncRange, now: DateTime): Window[] {
  const bound = (text: string | undefined): DateTime | undefined => {
    if (text === undefined) return undefined;
    const moment = parseMoment(text, config);
    if (moment === undefined)
      throw sourceError(
        'connector.config-invalid',
        `the range ${JSON.stringify(text)} is no date; write it like 2024-01-31`,
      );
    return moment;
  };
  const from = bound(range.from) ?? DateTime.fromISO(config.from, { zone: config.timezone });
  const to = bound(range.to)?.plus({ [unitOf(config.format)]: 1 }) ?? now;
  return windowsBetween(config, { from, until: to, cut: to });
}

/** The end of the last window that is over by `now`, ISO; undefined when none is. */
export const positionAt = (windows: Window[], now: DateTime): string | undefined =>
  windows
    .findLast(({ end }) => end <= now)
    ?.end.toUTC()
    .toISO() ?? undefined;

interface Span {
  from: DateTime;
  /** The last window begins before it. */
  until: DateTime;
  /** No window ends at or before it. */
  after?: DateTime | undefined;
  /** No window ends after it. */
  cut?: DateTime;
}

function windowsBetween(config: WindowConfig, { from, until, after, cut }: Span): Window[] {
  const step = Duration.fromISO(config.step);
  if (until.diff(from).toMillis() / step.toMillis() > MAX_WINDOWS)
    throw sourceError(
      'connector.config-invalid',
      `there are more than ${MAX_WINDOWS} windows since ${config.from}; set a longer step or a later from`,
    );
  const windows: Window[] = [];
  // Each from the first one, because adding months one by one drifts from the 31st to the 28th.
  for (let index = 0; ; index++) {
    const start = from.plus(step.mapUnits((amount) => amount * index));
    if (start >= until) return windows;
    const whole = from.plus(step.mapUnits((amount) => amount * (index + 1)));
    if (after === undefined || whole > after) windows.push(windowOf(config, start, cut && cut < whole ? cut : whole));
  }
}

function windowOf(config: WindowConfig, start: DateTime, end: DateTime): Window {
  const last = config.includesEnd ? end.minus({ [unitOf(config.format)]: 1 }) : end;
  const first = formatMoment(start, config);
  return {
    name: String(first),
    parameters: [
      { name: config.parameterStart, value: first },
      ...(config.parameterEnd === undefined ? [] : [{ name: config.parameterEnd, value: formatMoment(last, config) }]),
    ],
    end,
  };
}
