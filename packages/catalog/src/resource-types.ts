import type {
  Applied,
  DatasetSpec,
  EstateResource,
  LaneReference,
  Resource,
  ResourceKind,
  Revision,
} from '@songhua/contracts';
import type { Lifecycle, TableSchema } from '@songhua/domain';

export interface ApplyOptions {
  /** Tells what would change, and changes nothing. */
  dryRun?: boolean | undefined;
  /** The resources are those of an earlier revision. */
  rollback?: boolean | undefined;
  /**
   * Only what is, and stays, this department's may be changed, else `access.forbidden`: judged in the transaction, so that nothing that
   * comes into being meanwhile is taken from whoever made it.
   */
  of?: string | undefined;
  /** Whether a landing, by the key of its manifest, is still kept; asked of those that datasets would be made anew of. Each is when absent. */
  kept?: ((landing: string) => Promise<boolean>) | undefined;
}

/** What was applied, and what lanes want to be told of it: the refreshes that changed rules cause. */
export type EstateApplied = Applied & { lanes: LaneReference[] };

/** How departments, domains and datasets are applied and deleted; written by the catalog service. */
export interface EstateChanges {
  /**
   * All or nothing. Throws `catalog.reference` when a dataset names a department or domain that does not exist, and `resource.conflict`
   * when a resource is based on a revision that is no longer the newest. A dataset whose rules change is made anew by them: from what landed,
   * where that is the whole, or by a read of everything.
   */
  apply(resources: EstateResource[], actor: string, options?: ApplyOptions): Promise<EstateApplied>;
  /**
   * Makes datasets anew that are served by other rules than they declare, and that nothing is on its way for: what was opened for it failed.
   * The wait for another try doubles from `firstSeconds`; what a person refused is not tried again. Answers what lanes are to be told.
   */
  openDueRefreshes(firstSeconds: number): Promise<LaneReference[]>;
  /** False when there is none. Throws `resource.in-use` with what depends on it. A dataset that has versions stays. */
  delete(kind: EstateResource['kind'], name: string, actor: string): Promise<boolean>;
}

/** What people see of resources and their history, whoever writes them. */
export interface ResourceRepository {
  /** By kind in the order of `RESOURCE_KINDS`, then by name. Of a connector that runs while a change waits: what runs, or the `latest`. */
  list(filter: { kind?: ResourceKind | undefined; name?: string | undefined }, view: ResourceView): Promise<Resource[]>;
  /** One, with its revision in its metadata. */
  get(kind: ResourceKind, name: string, view: ResourceView): Promise<Resource | undefined>;
  /** Newest first. */
  revisions(kind: ResourceKind, name: string): Promise<Revision[]>;
}
export type ResourceView = 'approved' | 'latest';

/** What a connector takes from its dataset, and what a trial compares with. */
export interface DatasetOfConnector {
  department: string;
  primaryKey: string[];
  spec: DatasetSpec;
  current: {
    version: number;
    identity: string;
    rows: number;
    schema: TableSchema;
    /** Object key of its `data.parquet`. */
    parquetKey: string;
  } | null;
}

/** A connector's life as the catalog keeps it. */
export interface LifeRow {
  approved_revision: number | null;
  proposed_revision: number | null;
  proposal: 'draft' | 'submitted' | null;
  halt: Lifecycle['halt'];
}

export const lifeOf = (row: LifeRow): Lifecycle => ({
  approved: row.approved_revision,
  proposal:
    row.proposed_revision === null || row.proposal === null
      ? null
      : { revision: row.proposed_revision, stage: row.proposal },
  halt: row.halt,
});
