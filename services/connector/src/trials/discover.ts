import type { StreamInfo } from '@songhua/connector-sdk';
import type { SourceColumn } from '@songhua/contracts';
import type { Column, ColumnType } from '@songhua/domain';
import { z } from 'zod';
import { firstRows, inputOf, regardless } from './outcome.js';
import { PREVIEW } from './preview.js';
import { readSample } from './sample.js';
import { type Suggestion, suggest } from './suggest.js';
import type { Attempt } from './trials.js';

export interface Discovered {
  streams: (Pick<StreamInfo, 'name' | 'rowsEstimate' | 'decisions'> & {
    columns: (SourceColumn & { type: ColumnType | null })[];
    suggested: Suggestion;
    /** The connector's config that reads this stream as suggested. */
    config: Record<string, unknown>;
  })[];
}

/** Streams with what a person would say of each. Where the source itself knows no types, the first rows tell them. */
export async function discover(attempt: Attempt): Promise<Discovered> {
  const { kind, context, spec } = attempt;
  const streams = await kind.discover(context);
  const [only] = streams;
  const read = streams.length === 1 && only && only.types === undefined ? await firstTable(attempt) : undefined;
  const fields = fieldsOf(kind.configSchema);
  return {
    streams: streams.map((stream) => {
      const types = stream.types ?? Object.fromEntries((read?.columns ?? []).map(({ name, type }) => [name, type]));
      const columns = stream.columns.map((column) => ({ ...column, type: types[column.name] ?? null }));
      const typed: Column[] = columns.map(({ name, type }) => ({ name, type: type ?? 'string', nullable: true }));
      const suggested = suggest(stream, typed, read?.rows ?? [], fields.has('cursor'));
      const { name, rowsEstimate, decisions } = stream;
      const config: Record<string, unknown> = { ...spec.config, ...stream.config };
      return {
        name,
        ...(rowsEstimate !== undefined && { rowsEstimate }),
        ...(decisions && { decisions }),
        columns,
        suggested,
        config: {
          ...config,
          ...(suggested.cursor !== null &&
            config.cursor === undefined && {
              cursor: { column: suggested.cursor, ...(suggested.key.length === 1 && { key: suggested.key[0] }) },
            }),
        },
      };
    }),
  };
}

async function firstTable(attempt: Attempt): Promise<{ columns: Column[]; rows: Record<string, unknown>[] }> {
  const { kind, context, tables, spec } = attempt;
  const sample = await readSample(kind, context, PREVIEW);
  const engine = await tables();
  const nothing = { spec: undefined, columns: undefined };
  const mode = sample.operations ? spec.mode : 'full';
  const result = await engine.normalize(regardless(await inputOf(sample, nothing, mode, context.tempDir)));
  return { columns: result.schema.columns, rows: await firstRows(engine, result, PREVIEW.rows) };
}

const withProperties = z.object({ properties: z.record(z.string(), z.unknown()).optional() });

/** The fields of a kind's config. */
function fieldsOf(schema: z.ZodType): Set<string> {
  const json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return new Set(Object.keys(withProperties.parse(json).properties ?? {}));
}
