import { join } from 'node:path';
import {
  type ReadContext,
  readingOf,
  type SourceMessage,
  sourceError,
  throwIfAborted,
  tooLarge,
} from '@songhua/connector-sdk';
import type { SourceColumn } from '@songhua/contracts';
import { codeOf } from '@songhua/domain';
import { answerValues } from './answer-values.js';
import type { HttpConfig } from './config.js';
import { type PagesCursor, pagesCursor } from './cursor.js';
import type { Download } from './download.js';
import { shown } from './errors.js';
import { createIntake, type Intake } from './intake.js';
import { isFullDue, type Listing, type Listings, listingsOf } from './listings.js';
import { createPaginator } from './paginator.js';
import { inBody, type Plan, planOf, withParameters } from './plan.js';
import { openRowSpool, type RowSpool } from './row-spool.js';
import { type Session, trustedOrigins } from './session.js';

/** Whether a config asks for more than one document as a whole. */
export const hasPages = ({ pagination, window, since }: HttpConfig): boolean =>
  pagination !== undefined || window !== undefined || since !== undefined;

/**
 * Reads all pages of all listings as one table. Nothing is handed on before the last page was read, so a page that fails fails the
 * read. On disk are one page and all rows; in memory one batch, and a few hundred bytes a page.
 */
export async function* readPages(context: ReadContext<HttpConfig>, session: Session): AsyncGenerator<SourceMessage> {
  const reading = readingOf(context.config);
  const known = pagesCursor(context.cursor, reading);
  const everything = isFullDue(context, known?.fullAt);
  const plan = listingsOf(context, everything ? undefined : known?.position);
  const spool = await openRowSpool(join(context.tempDir, 'rows'));
  try {
    const intake = createIntake(context, { spool, greatest: plan.greatest, remembered: known?.detections });
    for (const listing of plan.listings) await walk(context, { session, intake, listing });
    yield* handOn(context, { reading, known, everything, plan, spool, intake });
  } finally {
    await spool.close();
  }
}

interface Walk {
  session: Session;
  intake: Intake;
  listing: Listing;
}

async function walk(context: ReadContext<HttpConfig>, { session, intake, listing }: Walk): Promise<void> {
  const { config, limits, signal, tempDir } = context;
  const paginator = createPaginator(config.pagination, trustedOrigins(config.url, config.pagination));
  const { maxPages = 1, alsoEnds = [] } = config.pagination ?? {};
  const base = listingPlan(config, listing);
  const path = join(tempDir, 'page');
  const before = intake.rows;
  const seen = new Set<string>();
  let bytes = intake.files.reduce((sum, file) => sum + file.bytes, 0);
  let rowsSoFar = 0;
  let rowsOfFirst = 0;
  let step = paginator.first;
  for (let number = 1; ; number++) {
    throwIfAborted(signal);
    const plan = withParameters(
      step.url === undefined ? base : { ...base, url: step.url },
      step.parameters,
      inBody(config) ? 'body' : 'query',
    );
    if (number > maxPages) throw endless(plan.url, `has more than ${maxPages} pages; if that is right, raise maxPages`);
    if (bytes >= limits.maxBytes) throw tooLarge(limits.maxBytes);
    const download = await session
      .fetch(plan, { path, maxBytes: limits.maxBytes - bytes, patient: before > 0 || number > 1 })
      .catch((error: unknown) => {
        if (number > 1 && codeOf(error) === 'source.missing' && alsoEnds.includes('not-found')) return undefined;
        throw error;
      });
    if (download === undefined) return;
    bytes += download.bytes;
    const page = await intake.take(download, { name: nameOf(listing, number), path });
    if (page.rows > 0 && seen.has(page.digest))
      throw endless(plan.url, `answers page ${number} with the rows of a page before it; correct the parameters`);
    seen.add(page.digest);
    rowsSoFar += page.rows;
    if (number === 1) rowsOfFirst = page.rows;
    const next = paginator.next({
      rows: page.rows,
      rowsSoFar,
      rowsOfFirst,
      url: download.url,
      link: download.link,
      values: await answerValues(path, paginator.places),
    });
    if (next === undefined) return;
    step = next;
  }
}

export const listingPlan = (config: HttpConfig, listing: Listing): Plan =>
  withParameters(planOf(config), listing.parameters, inBody(config) ? 'body' : 'query');

const nameOf = ({ name }: Listing, number: number): string => `${name === '' ? '' : `${name} `}page ${number}`;

const endless = (url: URL, what: string): Error => sourceError('source.endless', `${shown(url)} ${what}`);

interface Outcome {
  reading: string;
  known: PagesCursor | undefined;
  /** It was time to read everything. */
  everything: boolean;
  plan: Listings;
  spool: RowSpool;
  intake: Intake;
}

async function* handOn(
  context: ReadContext<HttpConfig>,
  { reading, known, everything, plan, spool, intake }: Outcome,
): AsyncGenerator<SourceMessage> {
  const { range, cursor: given, signal } = context;
  const { scope } = plan;
  const position = plan.position();
  const digest = spool.digest();
  const isPart = scope === 'part';
  const fullAt = isPart ? known?.fullAt : new Date().toISOString();
  if (known !== undefined && range === undefined && known.position === position) {
    if (known.digest === digest || (isPart && spool.isEmpty)) {
      yield { type: 'unchanged', ...(everything ? { validators: { ...known, fullAt } } : {}) };
      return;
    }
  }
  const before: SourceColumn[] = isPart ? (known?.columns ?? []) : [];
  const columns = spool.unified(before);
  if (columns.length === 0 && intake.empty !== undefined) throw intake.empty;
  yield { type: 'start', columns, ...(scope === undefined ? {} : { scope }) };
  for await (const message of spool.messages(before)) {
    throwIfAborted(signal);
    yield message;
  }
  throwIfAborted(signal);
  if (intake.lines.length > 0) yield { type: 'lines', runs: intake.lines };
  const detections = intake.detections.length > 0 ? intake.detections : known?.detections;
  const cursor = { version: 2, reading, digest, columns, position, fullAt, detections } satisfies PagesCursor;
  yield {
    type: 'end',
    files: intake.files,
    cursor: range === undefined ? cursor : (given ?? {}),
    warnings: intake.warnings,
  };
}

/** The first page of a listing, for a sample of the source. */
export async function fetchSample(
  { config, limits, tempDir }: ReadContext<HttpConfig>,
  session: Session,
  listing: Listing,
): Promise<{ name: string; path: string; download: Download | undefined }> {
  const paginator = createPaginator(config.pagination, trustedOrigins(config.url, config.pagination));
  const where = inBody(config) ? 'body' : 'query';
  const plan = withParameters(listingPlan(config, listing), paginator.first.parameters, where);
  const path = join(tempDir, 'page');
  return { name: nameOf(listing, 1), path, download: await session.fetch(plan, { path, maxBytes: limits.maxBytes }) };
}
