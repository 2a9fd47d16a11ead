import type { VersionDetail } from '@songhua/catalog';
import { SonghuaError } from '@songhua/domain';

/** Throws `version.removed` (410) unless the files of the version are kept. */
export function kept(version: VersionDetail): VersionDetail {
  const { removed, dataset, version: number } = version;
  if (!removed) return version;
  throw new SonghuaError(
    'version.removed',
    `version ${number} of ${dataset} is not kept since ${removed.at.toISOString().slice(0, 10)}: ${removed.reason}; its manifest is at /data/${dataset}/v${number}/manifest.json, newer versions at /api/v1/datasets/${dataset}/versions`,
    { actor: 'department' },
  );
}
