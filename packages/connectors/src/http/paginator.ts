import { sourceError } from '@songhua/connector-sdk';
import Link from 'http-link-header';
import type { AnswerValue } from './answer-values.js';
import type { Pagination } from './config.js';
import { shown } from './errors.js';
import { nextAddress } from './exchange.js';
import type { Parameter } from './plan.js';

/** How a page differs from the request as configured. */
export interface Step {
  parameters: Parameter[];
  /** In place of the configured address. */
  url?: URL;
}

export interface Page {
  /** Rows of it, rejected ones too. */
  rows: number;
  /** Rows of it and all pages before it. */
  rowsSoFar: number;
  rowsOfFirst: number;
  /** Address that answered, and its header Link. */
  url: URL;
  link: string | undefined;
  values: Map<string, AnswerValue>;
}

export interface Paginator {
  /** What it must know of each answer. */
  places: string[];
  first: Step;
  /** The page after `page`, or undefined when that was the last. Throws when rows are missing or the way leads in a circle. */
  next(page: Page): Step | undefined;
}

const ONCE: Paginator = { places: [], first: { parameters: [] }, next: () => undefined };

/** Walks the pages of one listing; `origins` are the servers that it may lead to. */
export function createPaginator(config: Pagination | undefined, origins: string[]): Paginator {
  if (config === undefined) return ONCE;
  switch (config.type) {
    case 'page':
      return counting(config, (page) => page + 1);
    case 'offset':
      return counting(config, (offset, { rows }) => offset + rows);
    case 'cursor':
      return byToken(config);
    case 'link':
      return byLink(config, origins);
  }
}

function counting(
  config: Extract<Pagination, { type: 'page' | 'offset' }>,
  after: (value: number, page: Page) => number,
): Paginator {
  const { parameter, total, alsoEnds } = config;
  let value = config.first;
  let told: number | undefined;
  const step = (): Step => ({ parameters: [{ name: parameter, value }] });
  return {
    places: total === undefined ? [] : [total],
    first: step(),
    next(page) {
      const all = total === undefined ? undefined : countAt(page, total);
      // A row that goes away moves those behind it to pages that were read already.
      if (all !== undefined && told !== undefined && all < told) throw shrunk(page, told, all);
      told = all;
      if (all !== undefined && page.rowsSoFar >= all) return undefined;
      if (page.rows === 0 || (alsoEnds.includes('short-page') && page.rows < page.rowsOfFirst)) {
        if (all === undefined) return undefined;
        throw sourceError(
          'source.truncated',
          `${shown(page.url)} says it has ${all} rows but its pages end after ${page.rowsSoFar}; it is read again, and if this keeps happening, check \`total\` and the page parameters`,
        );
      }
      value = after(value, page);
      return step();
    },
  };
}

const shrunk = ({ url }: Page, told: number, all: number): Error =>
  sourceError(
    'source.changed-while-reading',
    `${shown(url)} said it has ${told} rows, and ${all} some pages later, so rows may have been passed over; it is read again, and if this keeps happening, let it sort its rows and page by a cursor`,
  );

function countAt({ values, url }: Page, place: string): number {
  const text = values.get(place)?.text ?? '';
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw sourceError(
    'source.unreadable',
    `${shown(url)} has no number of rows at ${place}; correct \`total\` in the connector's pagination`,
  );
}

function byToken({ parameter, token, more }: Extract<Pagination, { type: 'cursor' }>): Paginator {
  const seen = new Set<string>();
  return {
    places: more === undefined ? [token] : [token, more],
    first: { parameters: [] },
    next({ values, url }) {
      if (more !== undefined && isNo(values.get(more))) return undefined;
      const next = values.get(token);
      if (next === undefined || next.kind === 'null' || next.text === '' || isNo(next)) return undefined;
      if (seen.has(next.text)) throw circle(url, 'the same token');
      seen.add(next.text);
      const isSafe = next.kind === 'number' && Number.isSafeInteger(Number(next.text));
      return { parameters: [{ name: parameter, value: isSafe ? Number(next.text) : next.text }] };
    },
  };
}

const isNo = (value: AnswerValue | undefined): boolean =>
  value === undefined || value.text === 'false' || (value.kind === 'number' && Number(value.text) === 0);

function byLink({ next: place }: Extract<Pagination, { type: 'link' }>, origins: string[]): Paginator {
  const seen = new Set<string>();
  return {
    places: place === undefined ? [] : [place],
    first: { parameters: [] },
    next({ values, link, url }) {
      const target = place === undefined ? nextOf(link, url) : values.get(place)?.text;
      if (target === undefined || target === '' || target === 'false') return undefined;
      const next = nextAddress(target, url, 'leads');
      next.hash = '';
      if (!origins.includes(next.origin))
        throw sourceError(
          'connector.address-refused',
          `${shown(url)} leads to ${next.origin} for its next page; if that is right, add it to \`origins\` in the connector's pagination`,
        );
      if (seen.has(next.href) || next.href === url.href) throw circle(url, 'the same address');
      seen.add(next.href);
      return { parameters: [], url: next };
    },
  };
}

function nextOf(link: string | undefined, url: URL): string | undefined {
  if (link === undefined) return undefined;
  try {
    return Link.parse(link).rel('next')[0]?.uri;
  } catch {
    throw sourceError('source.failed', `${shown(url)} sends an invalid header Link; its server must correct it`);
  }
}

const circle = (url: URL, what: string): Error =>
  sourceError(
    'source.endless',
    `${shown(url)} names ${what} for the next page again, so its pages never end; correct the connector's pagination or its server`,
  );
