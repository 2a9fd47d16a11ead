import { sourceError } from '@songhua/connector-sdk';
import { z } from 'zod';

const text = z.string().nullish();

export const resourceSchema = z.looseObject({
  id: z.string(),
  name: text,
  url: text,
  format: text,
  /** Often empty; whoever uploads may say anything. */
  hash: text,
  /** Set by CKAN at each upload. */
  last_modified: text,
  /** `upload`: the file lies on the portal; otherwise the address is a link. */
  url_type: text,
  state: text,
  datastore_active: z.union([z.boolean(), z.string()]).nullish(),
});
export type Resource = z.infer<typeof resourceSchema>;

export const datasetSchema = z.looseObject({
  name: z.string(),
  state: text,
  resources: z.array(resourceSchema).default([]),
});
export type Dataset = z.infer<typeof datasetSchema>;

/** The resource that a config names: by id, else by name, else by format. Throws `source.missing` and `source.ambiguous`. */
export function chooseResource(dataset: Dataset, wanted: string | undefined): Resource {
  const where = `dataset ${dataset.name}`;
  if (dataset.state === 'deleted')
    throw sourceError(
      'source.missing',
      `${where} was deleted on its portal; restore it there, or retire the connector`,
    );
  const resources = dataset.resources.filter(({ state }) => state !== 'deleted');
  const found = wanted === undefined ? resources : named(resources, wanted);
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  const known = resources.slice(0, 20).map(({ id, name, format }) => `${name || id} (${format || 'no format'})`);
  if (only !== undefined)
    throw sourceError(
      'source.ambiguous',
      `${where} has ${found.length} resources${wanted === undefined ? '' : ` that are ${wanted}`}: ${known.join(', ')}; name one of them as \`resource\``,
    );
  throw sourceError(
    'source.missing',
    `${where} has no resource${wanted === undefined ? '' : ` ${wanted}`}; it has ${known.join(', ') || 'none at all'}`,
  );
}

function named(resources: Resource[], wanted: string): Resource[] {
  const folded = wanted.toLowerCase();
  const ways: ((resource: Resource) => boolean)[] = [
    ({ id }) => id.toLowerCase() === folded,
    ({ name }) => name === wanted,
    ({ format }) => format?.toLowerCase() === folded,
  ];
  for (const is of ways) {
    const found = resources.filter(is);
    if (found.length > 0) return found;
  }
  return [];
}
