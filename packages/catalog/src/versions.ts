import type { ManifestFile } from '@songhua/contracts';
import type { TableSchema } from '@songhua/domain';
import type { Database } from './database.js';
import type { Version, VersionTombstone } from './generated/client.js';
import type { RenderedFile, VersionDetail, VersionEntry, VersionKey } from './types.js';

type Listed = Omit<Version, 'files' | 'tableSchema' | 'counts' | 'manifestDigest'> & {
  tombstone: VersionTombstone | null;
};

const toEntry = (dataset: string, row: Listed): VersionEntry => ({
  dataset,
  version: row.number,
  identity: row.identity,
  rows: Number(row.rows),
  bytes: Number(row.bytes),
  changes: { added: Number(row.added), changed: Number(row.changed), removed: Number(row.removed) },
  rejected: Number(row.rejected),
  createdAt: row.createdAt,
  publishedAt: row.publishedAt,
  manifestKey: row.manifestKey,
  sync: row.syncId,
  removed: row.tombstone && { at: row.tombstone.at, reason: row.tombstone.reason },
});

export async function listVersions(database: Database, dataset: string): Promise<VersionEntry[]> {
  const prisma = await database.prisma();
  const rows = await prisma.version.findMany({
    where: { dataset: { name: dataset } },
    omit: { files: true, tableSchema: true, counts: true, manifestDigest: true },
    include: { tombstone: true },
    orderBy: { number: 'desc' },
  });
  return rows.map((row) => toEntry(dataset, row));
}

export async function findVersion(
  database: Database,
  dataset: string,
  version: number | 'latest',
): Promise<VersionDetail | undefined> {
  const prisma = await database.prisma();
  const row = await prisma.version.findFirst({
    where: {
      dataset: { name: dataset },
      ...(version === 'latest' ? { pointer: { isNot: null } } : { number: version }),
    },
    include: { tombstone: true },
  });
  if (!row) return undefined;
  return {
    ...toEntry(dataset, row),
    datasetId: row.datasetId,
    files: row.files as unknown as ManifestFile[],
    schema: row.tableSchema as unknown as TableSchema,
  };
}

export async function findRender(
  database: Database,
  version: VersionKey,
  name: string,
): Promise<RenderedFile | undefined> {
  const prisma = await database.prisma();
  const row = await prisma.render.findUnique({
    where: { datasetId_number_name: { datasetId: version.datasetId, number: version.version, name } },
  });
  return row
    ? { name, key: row.key, mediaType: row.mediaType, bytes: Number(row.bytes), sha256: row.sha256 }
    : undefined;
}

/** The first record stays (I1); a later one is dropped and the first returned. */
export async function recordRender(database: Database, version: VersionKey, file: RenderedFile): Promise<RenderedFile> {
  const prisma = await database.prisma();
  await prisma.render.createMany({
    data: [{ datasetId: version.datasetId, number: version.version, ...file }],
    skipDuplicates: true,
  });
  return (await findRender(database, version, file.name)) ?? file;
}
