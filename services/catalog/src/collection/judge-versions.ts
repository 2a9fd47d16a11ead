import type { KeptVersion } from '@songhua/catalog';
import { keys, type Manifest } from '@songhua/contracts';
import { codeOf } from '@songhua/domain';
import { readManifest } from '@songhua/object-store';
import type { JudgeDeps, OfVersion, Verdicts } from './judges.js';

interface Unit {
  datasetId: string;
  number: number;
  of: OfVersion[];
}

export interface VersionVerdicts {
  verdicts: Verdicts;
  /** Manifests to remove before anything that they name. */
  manifests: { key: string; bytes: number }[];
}

/**
 * Files that no manifest names, manifests without a version of syncs that have ended, with what they name, and the files of versions that are not
 * kept any more. What the catalog does not name goes only after the manifest itself was asked.
 */
export async function judgeVersions(deps: JudgeDeps, aged: OfVersion[]): Promise<VersionVerdicts> {
  const found: VersionVerdicts = { verdicts: new Map(), manifests: [] };
  const units = unitsOf(aged);
  const versions = await find(deps, units);
  for (const unit of units) {
    const version = versions.get(nameOf(unit));
    if (version) await judgeKept(deps, unit, version, found);
    else await judgeUncommitted(deps, unit, found);
  }
  return found;
}

async function find({ collection }: JudgeDeps, units: Unit[]): Promise<Map<string, KeptVersion>> {
  const asked = units.map(({ datasetId, number }) => ({ datasetId, number }));
  return new Map((await collection.versions(asked)).map((version) => [nameOf(version), version]));
}

/** Of a version that the catalog has: what neither it nor the manifest names; its files too, once it is not kept. */
async function judgeKept(
  deps: JudgeDeps,
  unit: Unit,
  version: KeptVersion,
  { verdicts }: VersionVerdicts,
): Promise<void> {
  const named = new Set(version.files);
  const { removedAt } = version;
  let manifest: Manifest | undefined | null = null;
  for (const { object, is } of unit.of) {
    if (is.kind === 'version-manifest') continue;
    if (named.has(object.key)) {
      if (removedAt !== null && removedAt <= deps.grace) verdicts.set(object.key, 'version.removed');
      continue;
    }
    if (manifest === null) manifest = await read(deps, unit);
    // Without its manifest it cannot be told what else a version has.
    if (manifest && !manifest.files.some(({ key }) => key === object.key)) verdicts.set(object.key, 'attempt.unnamed');
  }
}

/** Of a number that is no version: all of it is what a refresh left that died, unless that refresh may go on. */
async function judgeUncommitted(deps: JudgeDeps, unit: Unit, { verdicts, manifests }: VersionVerdicts): Promise<void> {
  const key = keys.manifest(unit.datasetId, unit.number);
  const stored = await deps.store.stat(key);
  if (!stored) {
    for (const { object } of unit.of) verdicts.set(object.key, 'attempt.unnamed');
    return;
  }
  const manifest = await read(deps, unit);
  if (!manifest) return;
  const named = new Set(manifest.files.map((file) => file.key));
  const stands = stored.modifiedAt > deps.grace || (await mayBeCommitted(deps, manifest, unit));
  for (const { object, is } of unit.of) {
    if (is.kind === 'version-manifest') continue;
    if (!named.has(object.key)) verdicts.set(object.key, 'attempt.unnamed');
    else if (!stands) verdicts.set(object.key, 'manifest.orphaned');
  }
  if (!stands) {
    verdicts.set(key, 'manifest.orphaned');
    manifests.push({ key, bytes: stored.bytes });
  }
}

/** Its sync has not ended, or has ended as this version since the catalog was asked first. */
async function mayBeCommitted(deps: JudgeDeps, { source }: Manifest, unit: Unit): Promise<boolean> {
  const sync = (await deps.collection.syncNeeds([source.sync], deps.landings.kept)).get(source.sync);
  return sync?.open === true || (await find(deps, [unit])).size > 0;
}

async function read(deps: JudgeDeps, { datasetId, number }: Unit): Promise<Manifest | undefined> {
  try {
    const manifest = await readManifest(deps.store as Parameters<typeof readManifest>[0], datasetId, number);
    if (!manifest) deps.problem(`${keys.manifest(datasetId, number)} is gone: nothing of its version was removed`);
    return manifest;
  } catch (error) {
    if (codeOf(error) !== 'object.corrupt') throw error;
    deps.problem(`${keys.manifest(datasetId, number)} cannot be read: nothing of its version was removed`);
    return undefined;
  }
}

const nameOf = ({ datasetId, number }: { datasetId: string; number: number }): string => `${datasetId}/${number}`;

function unitsOf(aged: Unit['of']): Unit[] {
  const units = new Map<string, Unit>();
  for (const one of aged) {
    const { dataset: datasetId, version: number } = one.is;
    const unit = units.get(nameOf({ datasetId, number })) ?? { datasetId, number, of: [] };
    unit.of.push(one);
    units.set(nameOf(unit), unit);
  }
  return [...units.values()];
}
