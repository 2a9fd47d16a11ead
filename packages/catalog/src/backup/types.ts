import type { AuditHead, ManifestFile } from '@songhua/contracts';
import type { RowCounts } from '@songhua/domain';

export interface AppliedMigration {
  name: string;
  checksum: string;
  /** ISO 8601. */
  appliedAt: string;
}

export interface TableShape {
  name: string;
  columns: string[];
}

/** The last number that a column of numbered rows was given. */
export interface NumberedColumn {
  table: string;
  column: string;
  last: number;
}

/** What a snapshot of the catalog is, besides its rows. */
export interface CatalogCut {
  /** ISO 8601, of the database's clock. */
  at: string;
  migrations: AppliedMigration[];
  tables: TableShape[];
  numbered: NumberedColumn[];
  audit: AuditHead;
  totals: { datasets: number; versions: number; records: number; openSyncs: number };
  /** Stored secrets, and the keys (by name) that they are sealed under. */
  secrets: { connectors: number; keys: string[] };
}

/** An object of the bucket that the catalog names. */
export interface NamedObject {
  key: string;
  kind: 'file' | 'manifest' | 'tombstone' | 'landing' | 'part' | 'ingest' | 'render' | 'quarantine' | 'audit';
  mediaType: string;
  /** Where the catalog knows them; hex. */
  sha256: string | null;
  bytes: number | null;
  /** Whether something is lost without it; others can be made again, or are kept for a while only. */
  needed: boolean;
}

/** A version as the catalog has it, for its manifest to be held against. */
export interface NamedVersion {
  dataset: string;
  version: number;
  identity: string;
  rows: number;
  counts: RowCounts;
  files: ManifestFile[];
  manifestKey: string;
  current: boolean;
  /** Its files are not kept any more; its manifest is. */
  removed: boolean;
}

/** The catalog at one moment. Its collector deletes nothing from the bucket until `close`. */
export interface CatalogSnapshot {
  cut: CatalogCut;
  /** The rows of a table in the text format of COPY; how many they were once it has ended. */
  copyOut(table: TableShape): { stream: NodeJS.ReadableStream; rows(): number };
  versions(): AsyncIterable<NamedVersion>;
  /** All objects named beside versions. A landing is named by its manifest, which names the parts. */
  objects(): AsyncIterable<NamedObject>;
  /** Ends the snapshot, so that the database may forget it; the collector still waits. */
  release(): Promise<void>;
  close(): Promise<void>;
}
