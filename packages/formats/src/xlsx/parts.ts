import type { Clock } from '../clock.js';
import { type ZipEntry, type ZipListing, zipEntrySource } from '../container/zip.js';
import { formatError } from '../errors.js';
import type { Limits } from '../limits.js';
import { feedXml, type XmlHandler } from '../xml/feed.js';

/** A workbook as a file, with the parts in it. */
export interface Package {
  name: string;
  path: string;
  listing: ZipListing;
  limits: Limits;
  clock: Clock;
}

// Long cells hold line breaks as entities, and a shared text may be larger than one cell of a table.
const TEXT_SHARE = 4;

/** Streams a part through a handler, yielding on the way. Throws `workbook.invalid` when it is not there. */
export function streamPart(
  file: Package,
  part: string,
  handler: XmlHandler,
  signal?: AbortSignal,
): AsyncGenerator<void> {
  const entry = findPart(file, part);
  if (entry === undefined) throw invalidWorkbook(file.name, `its part ${part} is missing`);
  const source = zipEntrySource(file, entry, file.name, file.limits);
  const limits = { ...file.limits, fieldBytes: file.limits.fieldBytes * TEXT_SHARE };
  return feedXml(
    { name: `${file.name} (${part})`, chunks: () => source.chunks(), encoding: 'utf-8', limits },
    handler,
    signal,
  );
}

export async function readPart(file: Package, part: string, handler: XmlHandler): Promise<void> {
  for await (const _ of streamPart(file, part, handler));
}

/** The entry that holds a part. Names of parts are the same in capitals, which some writers rely on. */
export function findPart({ listing: { entries } }: Package, part: string): ZipEntry | undefined {
  const found = entries.find((entry) => entry.path === part);
  return found ?? entries.find((entry) => entry.path.toLowerCase() === part.toLowerCase());
}

export const hasPart = (file: Package, part: string): boolean => findPart(file, part) !== undefined;

export const invalidWorkbook = (name: string, problem: string): Error =>
  formatError(
    'workbook.invalid',
    `${name} is not a workbook that can be read: ${problem}; open it in a spreadsheet program and save it again. 工作簿已损坏`,
    { file: name },
  );

/** A name without its prefix: some writers give every element one. */
export function localName(name: string): string {
  const colon = name.indexOf(':');
  return colon < 0 ? name : name.slice(colon + 1);
}

/** The attribute of a local name. */
export function attribute(attributes: Record<string, string>, name: string): string | undefined {
  const plain = attributes[name];
  if (plain !== undefined) return plain;
  for (const key in attributes) if (key.endsWith(`:${name}`)) return attributes[key];
  return undefined;
}
