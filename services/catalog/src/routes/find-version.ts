import type { VersionDetail } from '@songhua/catalog';
import type { Deps } from '../deps.js';
import { kept } from '../files/kept.js';
import { unknown } from '../http/problems.js';

/** The version, or `dataset.unknown` or `version.unknown` (404). */
export async function findVersion(
  { catalog, now }: Deps,
  dataset: string,
  number: number | 'latest',
): Promise<VersionDetail> {
  const version = await catalog.estate.version(dataset, number);
  if (version) return version;
  if (!(await catalog.estate.dataset(dataset, now())))
    throw unknown('dataset', `no dataset is named ${dataset}; search with /api/v1/datasets?q=`);
  const which = number === 'latest' ? 'no version yet' : `no version ${number}`;
  throw unknown('version', `dataset ${dataset} has ${which}; see /api/v1/datasets/${dataset}/versions`);
}

/** The version, while its files are kept; otherwise `version.removed` (410). */
export async function findKept(deps: Deps, dataset: string, number: number | 'latest'): Promise<VersionDetail> {
  return kept(await findVersion(deps, dataset, number));
}
