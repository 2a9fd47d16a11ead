import { softDeleteSchema } from '@songhua/connector-sdk';
import { z } from 'zod';
import { hostSchema, tlsShape } from '../network/index.js';

const name = z.string().min(1).max(256);
// Calendar months have no fixed length, so they are left out.
const DURATION = /^P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/;
const UNITS_MS = [7 * 86_400_000, 86_400_000, 3_600_000, 60_000, 1_000];

/** Milliseconds of an ISO 8601 duration of weeks to seconds; NaN for any other text. */
export function durationMs(text: string): number {
  const parts = DURATION.exec(text)?.slice(1);
  if (parts === undefined || parts.every((part) => part === undefined)) return Number.NaN;
  return parts.reduce((sum, part, unit) => sum + Number(part ?? 0) * (UNITS_MS[unit] ?? 0), 0);
}

const duration = z
  .string()
  .max(40)
  .refine((text) => durationMs(text) > 0, 'expected a duration such as P1D or PT6H');

/** What every SQL kind lets its config say about what is read. */
export const sqlReadingShape = {
  schema: name.optional().describe('Schema of the table, where it is not the default one'),
  table: name.optional().describe('Table or view, exactly as the source calls it'),
  query: z.string().min(1).max(100_000).optional().describe('One SELECT in place of a table'),
  columns: z.array(name).min(1).max(16_384).optional().describe('Which columns; all when absent'),
  cursor: z
    .strictObject({
      column: name.describe('Column that grows with every change: a change time or a serial number'),
      key: name.optional().describe('Column that orders rows of equal cursor value, and only grows among them'),
      overlap: z
        .number()
        .min(0)
        .max(366 * 86_400)
        .optional()
        .describe(
          'Read this far behind the last value again: seconds for times (300 when absent), else a number (1000)',
        ),
    })
    .optional()
    .describe('How modes append and merge find what is new'),
  softDelete: softDeleteSchema.optional().describe('Column that marks deleted rows'),
  fullEvery: duration
    .optional()
    .describe('How often modes append and merge read everything, e.g. P1D: finds rows that were deleted'),
  batchRows: z.int().min(1).max(100_000).default(2000).describe('Rows fetched at once'),
};

/** What kinds with a server add. `port`: the usual one of the kind. */
export const sqlServerShape = (port: number) => ({
  host: hostSchema,
  port: z.int().min(1).max(65_535).default(port),
  database: name,
  tls: z
    .strictObject({
      ...tlsShape,
      serverName: z.string().max(255).optional().describe('Name in the certificate where it is not the host'),
    })
    .default({ mode: 'verify' }),
});

const readingSchema = z.object(sqlReadingShape);
export type SqlReading = z.infer<typeof readingSchema>;

export const ONE_SOURCE = 'expected either table or query, not both';
export const oneSource = (config: Pick<SqlReading, 'table' | 'query'>): boolean =>
  config.table === undefined || config.query === undefined;
