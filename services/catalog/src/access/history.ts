import type { ResourceRepository } from '@songhua/catalog';
import type { ResourceKind, Revision } from '@songhua/contracts';
import { ownOnly, type Principal } from '@songhua/domain';

/**
 * Revisions of a resource, newest first, as `principal` may see them: a department those since the resource is its own, because a name may
 * have been another's before, and was deleted or moved.
 */
export async function revisionsFor(
  resources: Pick<ResourceRepository, 'revisions'>,
  principal: Principal,
  { kind, name }: { kind: ResourceKind; name: string },
): Promise<Revision[]> {
  const all = await resources.revisions(kind, name);
  const own = ownOnly(principal, 'resource.read');
  if (own === undefined) return all;
  if (kind === 'Dataset') return since(all, own);
  const dataset = all.map((one) => told(one, 'dataset')).find((one) => one !== undefined);
  if (dataset === undefined) return [];
  const began = since(await resources.revisions('Dataset', dataset), own).at(-1)?.at;
  return began === undefined ? [] : all.filter(({ at }) => at >= began);
}

/** The newest ones without a gap in which the dataset is `department`'s. */
function since(revisions: Revision[], department: string): Revision[] {
  const foreign = revisions.findIndex((one) => told(one, 'department') !== department);
  return foreign < 0 ? revisions : revisions.slice(0, foreign);
}

/** A field of the spec as it was; of a deletion, as it was before that. */
function told({ spec, differences }: Revision, field: string): string | undefined {
  const value = (spec ?? (differences[0]?.before as Revision['spec']))?.[field];
  return typeof value === 'string' ? value : undefined;
}
