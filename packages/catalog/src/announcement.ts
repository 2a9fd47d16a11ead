import { type Changes, type VersionEvent, versionEventSchema } from '@songhua/contracts';
import { deriveId } from '@songhua/domain';

export interface Announced {
  datasetId: string;
  dataset: string;
  version: number;
  identity: string;
  rows: number;
  changes: Changes;
  manifestKey: string;
  sync: string;
  traceparent: string;
  at: Date;
}

/** The announcement of a version; the same version always makes the same event id. */
export const announcementOf = (source: string, version: Announced): VersionEvent =>
  versionEventSchema.parse({
    specversion: '1.0',
    id: deriveId('ev', version.datasetId, String(version.version), 'published'),
    source,
    type: 'version.published',
    subject: `${version.dataset}/v${version.version}`,
    time: version.at.toISOString(),
    datacontenttype: 'application/json',
    traceparent: version.traceparent,
    data: {
      dataset: version.dataset,
      version: version.version,
      identity: version.identity,
      rows: version.rows,
      changes: version.changes,
      manifest: version.manifestKey,
      sync: version.sync,
    },
  });
