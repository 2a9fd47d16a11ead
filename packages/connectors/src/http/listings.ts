import { type ReadContext, sourceError } from '@songhua/connector-sdk';
import type { SyncScope } from '@songhua/contracts';
import { DateTime, Duration } from 'luxon';
import type { HttpConfig } from './config.js';
import type { Parameter } from './plan.js';
import { createGreatest, type Greatest, isAhead, sinceValue } from './since.js';
import { positionAt, type Window, windowsOf, windowsUntil } from './window.js';

/** One walk through pages: all of the source, what is new, or one window. */
export interface Listing {
  /** For people, '' when there is only one. */
  name: string;
  parameters: Parameter[];
}

export interface Listings {
  listings: Listing[];
  /** Undefined: as the mode says. */
  scope: SyncScope | undefined;
  greatest?: Greatest;
  /** Where the next read goes on, once all rows were seen. */
  position(): string | undefined;
}

const WHOLE: Listing = { name: '', parameters: [] };

/** Throws `connector.config-invalid` for what HTTP, or this config, cannot be asked for. */
export function assertReadable({ config, mode, range }: ReadContext<HttpConfig>): void {
  if (mode === 'cdc')
    throw sourceError('connector.config-invalid', 'HTTP has no stream of changes; use mode full, append or merge');
  if (range && config.window === undefined && config.since === undefined)
    throw sourceError(
      'connector.config-invalid',
      'this connector cannot read a range: its config has neither window nor since; add one',
    );
}

/** Whether everything is to be read again to find what was deleted, because that was at `fullAt` (ISO 8601) last. */
export function isFullDue({ config, mode, range }: ReadContext<HttpConfig>, fullAt: string | undefined): boolean {
  if (config.fullEvery === undefined || mode === 'full' || range !== undefined) return false;
  if (fullAt === undefined) return true;
  return DateTime.fromISO(fullAt).plus(Duration.fromISO(config.fullEvery)) <= DateTime.now();
}

/** What this read asks for. `position` is where the last published one ended, undefined to begin anew. */
export function listingsOf(context: ReadContext<HttpConfig>, position: string | undefined): Listings {
  const { config, mode, range } = context;
  const known = mode === 'full' ? undefined : position;
  if (config.window !== undefined) {
    const now = DateTime.now();
    if (range) return { listings: windowsOf(config.window, range, now), scope: 'part', position: () => position };
    const windows = windowsUntil(config.window, now, known);
    return {
      listings: windows,
      scope: known === undefined ? 'all' : 'part',
      position: () => positionAt(windows, now) ?? known,
    };
  }
  if (config.since !== undefined) return sinceListings(context, known, position);
  return { listings: [WHOLE], scope: mode === 'full' ? 'all' : undefined, position: () => undefined };
}

function sinceListings(
  { config, range }: ReadContext<HttpConfig>,
  published: string | undefined,
  position: string | undefined,
): Listings {
  const since = config.since as NonNullable<HttpConfig['since']>;
  const known = published === undefined || isAhead(published, since) ? undefined : published;
  const listing = (from: string | number | undefined, to?: string): Listing => ({
    name: '',
    parameters: [
      ...(from === undefined ? [] : [{ name: since.parameter, value: from }]),
      ...(to === undefined || since.parameterEnd === undefined ? [] : [{ name: since.parameterEnd, value: to }]),
    ],
  });
  if (range) {
    if (range.to !== undefined && since.parameterEnd === undefined)
      throw sourceError('connector.config-invalid', 'a range with an end needs `since.parameterEnd` in the connector');
    return { listings: [listing(range.from ?? since.initial, range.to)], scope: 'part', position: () => position };
  }
  const greatest = createGreatest(since, known);
  return {
    listings: [listing(known === undefined ? since.initial : sinceValue(known, since))],
    scope: known === undefined ? 'all' : 'part',
    greatest,
    position() {
      greatest.check();
      return greatest.value;
    },
  };
}

/** What a sample of the source is asked by: the latest windows first, because the first ones may be empty. */
export function sampleListings({ config }: ReadContext<HttpConfig>, most: number): Listing[] {
  if (config.window === undefined)
    return [
      {
        ...WHOLE,
        parameters:
          config.since?.initial === undefined ? [] : [{ name: config.since.parameter, value: config.since.initial }],
      },
    ];
  const windows: Window[] = windowsUntil(config.window, DateTime.now(), undefined);
  return windows.slice(-most).reverse();
}
