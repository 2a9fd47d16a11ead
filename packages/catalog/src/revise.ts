import type { Resource, ResourceChange } from '@songhua/contracts';
import { type Difference, differences, SonghuaError } from '@songhua/domain';
import type { Database } from './database.js';
import type { ApplyOptions } from './resource-types.js';

export type Query = Database['query'];

/** The newest revision of a resource, and who made it; `revision` is 0 when there never was one. */
export interface Newest {
  name: string;
  revision: number;
  author: string | null;
  at: Date | null;
}

/** The state of a resource that a change is compared with; null when there is none. */
export interface Base {
  spec: unknown;
  labels: Record<string, string>;
}

/** A revision to be written. */
export interface Entry {
  name: string;
  number: number;
  action: 'create' | 'change' | 'rollback' | 'delete';
  spec: unknown;
  labels: Record<string, string>;
  secrets?: Record<string, number>;
  difference: Difference[];
}

/** Of each name the last one asked for, by name. */
export function lastOfEach<R extends Resource>(resources: R[]): R[] {
  const byName = new Map(resources.map((resource) => [resource.metadata.name, resource]));
  return [...byName.values()].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
}

/** Runs `work` alone among everything that changes resources. */
export function changing<T>(database: Database, work: (query: Query) => Promise<T>): Promise<T> {
  return database.transaction(async (query) => {
    await query('resources_lock', 'SELECT resources_lock()');
    return work(query);
  });
}

/** Throws `resource.conflict` when `resource` says that it is based on another revision than the newest. */
export function assertNewest(resource: Resource, { revision, author, at }: Newest): void {
  const { kind, metadata } = resource;
  if (metadata.revision === undefined || metadata.revision === revision) return;
  const who = author === null ? 'nobody has made it yet' : `${author} made that at ${at?.toISOString()}`;
  throw new SonghuaError(
    'resource.conflict',
    `${kind}/${metadata.name} is at revision ${revision} (${who}), and this change is based on revision ${metadata.revision}; see what changed ("songhua revisions diff ${kind}/${metadata.name} ${metadata.revision}"), and apply again`,
    { actor: 'department', details: { kind, name: metadata.name, revision, author } },
  );
}

/** Throws `access.forbidden` with what is not `department`'s, if only that one's may be changed; null is no department's. */
export function assertOwn(
  department: string | undefined,
  things: { id: string; departments: (string | null | undefined)[] }[],
): void {
  if (department === undefined) return;
  const foreign = things.filter(({ departments }) => departments.some((of) => of !== undefined && of !== department));
  if (foreign.length > 0)
    throw new SonghuaError(
      'access.forbidden',
      `${foreign
        .slice(0, 20)
        .map(({ id }) => id)
        .join(', ')} does not belong to ${department}`,
      { actor: 'department' },
    );
}

/** The revision that turns `base` into `resource`; undefined when they are the same. */
export function revisionOf(
  resource: Resource,
  base: Base | null,
  newest: Newest,
  options: ApplyOptions & { also?: Difference[] } = {},
): Entry | undefined {
  const { metadata, spec } = resource;
  const labels = metadata.labels ?? {};
  const difference = [
    ...differences(base?.spec, spec, 'spec'),
    ...differences(base?.labels ?? {}, labels, 'metadata.labels'),
    ...(options.also ?? []),
  ];
  if (base && difference.length === 0) return undefined;
  const action = options.rollback ? 'rollback' : base ? 'change' : 'create';
  return { name: metadata.name, number: newest.revision + 1, action, spec, labels, difference };
}

/** Writes revisions of `kind` with their audit rows. */
export async function writeRevisions(query: Query, kind: string, author: string, entries: Entry[]): Promise<void> {
  if (entries.length === 0) return;
  await query('revision_write', 'SELECT revision_write($1, $2, $3::jsonb)', [kind, author, JSON.stringify(entries)]);
}

export const toChange = (kind: Resource['kind'], base: Base | null, entry: Entry): ResourceChange => ({
  kind,
  name: entry.name,
  change: base ? 'change' : 'create',
  revision: entry.number,
  differences: entry.difference,
});

export const tally = (asked: number, changes: ResourceChange[]) => {
  const created = changes.filter(({ change }) => change === 'create').length;
  return { created, changed: changes.length - created, unchanged: asked - changes.length, changes };
};
