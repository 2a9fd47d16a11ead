import { csv } from './csv.js';
import { json } from './json.js';
import type { SourceFormat } from './types.js';
import { xlsx } from './xlsx.js';
import { xml } from './xml.js';

const formats = new Map<string, SourceFormat>([csv, json, xml, xlsx].map((format) => [format.name, format]));

/** The format that a dataset names. */
export function formatOf(name: string): SourceFormat {
  const format = formats.get(name);
  if (format === undefined) throw new Error(`no format named ${name}: add it to formats/all.ts`);
  return format;
}

/** Media type by file extension. */
export const mediaTypes = (): Record<string, string> =>
  Object.fromEntries([...formats.values()].map(({ name, mediaType }) => [`.${name}`, mediaType]));
