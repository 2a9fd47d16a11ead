/** The services, each with a database role of its own. */
export const SERVICE_ROLES = ['connector', 'landing', 'refresh', 'catalog'] as const;
export type ServiceRole = (typeof SERVICE_ROLES)[number];

/** What a role may do, and nothing else. */
interface Rights {
  /** Functions that do the owner's work: each is one step of an aggregate that another service may not take. */
  steps: string[];
  /** Functions that only compute or lock, with the caller's own rights. */
  rules: string[];
  /** Privileges by table or view, as GRANT takes them. */
  tables: Record<string, string>;
}

const SELECT = 'SELECT';
// What the steps count (`last_number`, `settled_number`) and what a check left is not among them.
const CONNECTOR_COLUMNS =
  'kind, mode, spec, labels, deleted_at, revision, approved_revision, proposed_revision, proposal, halt, remark, changes, changed_at';

// What may go is judged, and removed, in one step each; the tables are not the collector's.
const COLLECTION = [
  'collection_begin',
  'sync_needs',
  'landing_release',
  'pushes_needed',
  'versions_expired',
  'versions_expire',
  'syncs_expired',
  'syncs_trim',
  'rejected_expired',
  'rejected_trim',
  'outbox_expired',
  'outbox_trim',
  'audit_cut',
  'audit_trim',
];

export const RIGHTS: Record<ServiceRole, Rights> = {
  connector: {
    steps: [
      'sync_enqueue',
      'sync_take',
      'sync_renew',
      'sync_give_back',
      'sync_finish',
      'sync_recover',
      'sync_recover_deliveries',
      'ingest_accept',
      'ingest_pending',
      'ingest_reading',
      'connector_end',
      'revision_write',
      'audit_append',
    ],
    rules: ['resources_lock', 'sync_json', 'push_position'],
    tables: {
      department: SELECT,
      dataset: SELECT,
      version: SELECT,
      current_pointer: SELECT,
      sync: SELECT,
      ingest: SELECT,
      connector_cursor: SELECT,
      revision: SELECT,
      connector: `SELECT, INSERT, UPDATE (${CONNECTOR_COLUMNS})`,
      connector_secret: 'SELECT, INSERT, UPDATE (value), DELETE',
      connector_health: 'SELECT, INSERT, UPDATE',
      notice: 'INSERT',
    },
  },
  landing: { steps: ['sync_land', 'sync_landing_trouble'], rules: [], tables: {} },
  refresh: {
    steps: [
      'refresh_begin',
      'refresh_context',
      'refresh_publish',
      'refresh_finish',
      'refresh_touch',
      'rules_reread',
      'quarantine_source',
      'quarantine_replay_end',
    ],
    rules: [],
    tables: {},
  },
  catalog: {
    steps: [
      'sync_cancel',
      'sync_recover_deliveries',
      'sync_recover_lanes',
      'sync_progress',
      'hold_decide',
      'quarantine_source',
      'quarantine_replay_open',
      'rollback_open',
      'dataset_remove',
      'rules_sources',
      'rules_open',
      'rules_before',
      'rules_due',
      ...COLLECTION,
      'revision_write',
      'audit_append',
    ],
    rules: [
      'resources_lock',
      'sync_json',
      'freshness',
      'in_sync',
      'last_change',
      'confirmation_holds',
      'schedule_wait',
    ],
    tables: {
      _prisma_migrations: SELECT,
      connector: SELECT,
      connector_health: SELECT,
      sync: SELECT,
      ingest: 'SELECT (object_key)',
      version: SELECT,
      version_tombstone: SELECT,
      log_cut: SELECT,
      current_pointer: SELECT,
      rejected_summary: SELECT,
      quarantine_replay: SELECT,
      notice: SELECT,
      outbox: SELECT,
      audit: SELECT,
      revision: SELECT,
      promise: SELECT,
      dataset_entry: SELECT,
      department: 'SELECT, INSERT, UPDATE, DELETE',
      domain: 'SELECT, INSERT, UPDATE, DELETE',
      dataset: 'SELECT, INSERT, UPDATE',
      relay: 'SELECT, UPDATE (position, moved_at)',
      render: 'SELECT, INSERT',
      collection: 'SELECT, UPDATE (lease_until, ended_at, stage, report, problem)',
      api_key: 'SELECT, INSERT, UPDATE (expires_at, revoked_at, last_used_at)',
    },
  },
};

/** Every function that runs with the rights of the owner, whoever calls it. */
export const STEPS: readonly string[] = [...new Set(SERVICE_ROLES.flatMap((service) => RIGHTS[service].steps))].sort();
