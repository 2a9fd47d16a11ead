import { csv } from './csv.js';
import type { SourceFormat } from './types.js';

const formats = new Map<string, SourceFormat>([csv].map((format) => [format.name, format]));

/** The format that a dataset names. */
export function formatOf(name: string): SourceFormat {
  const format = formats.get(name);
  if (format === undefined) throw new Error(`no format named ${name}: add it to formats/all.ts`);
  return format;
}
