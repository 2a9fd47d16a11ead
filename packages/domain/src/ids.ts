import { createHash } from 'node:crypto';
import { SonghuaError } from './errors.js';

// Long enough for real titles in pinyin, short enough for every file system and URL once a version path is added.
export const NAME = /^[a-z0-9](?:[a-z0-9-]{0,98}[a-z0-9])?$/;

/** Whether `name` can name a department, domain, dataset or connector: 1–100 of a–z, 0–9 and inner hyphens. */
export function isName(name: string): boolean {
  return NAME.test(name);
}

/** Returns `name`, or throws `name.invalid`. */
export function parseName(kind: string, name: string): string {
  if (isName(name)) return name;
  throw new SonghuaError(
    'name.invalid',
    `${kind} name ${JSON.stringify(name.slice(0, 120))} is not valid: use 1 to 100 of a-z, 0-9 and inner hyphens`,
    { actor: 'department' },
  );
}

/** A deterministic id: the same (type, parts) always gives the same id, so that retries and replays meet the same row. */
export function deriveId(prefix: string, ...parts: string[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:${part};`);
  return `${prefix}_${hash.digest('hex').slice(0, 24)}`;
}

export const datasetId = (name: string): string => deriveId('ds', name);
export const connectorId = (name: string): string => deriveId('cn', name);
/** One sync for one slot of one connector, however many replicas try to claim it. */
export const syncId = (connector: string, slot: string): string => deriveId('sy', connector, slot);
