-- What became of a sync: written by the refresh service.

CREATE TABLE version (
  dataset_id text NOT NULL REFERENCES dataset (id),
  number integer NOT NULL CHECK (number > 0),
  identity text NOT NULL CHECK (identity ~ '^sha256:[0-9a-f]{64}$'),
  previous_number integer,
  previous_identity text,
  rows bigint NOT NULL CHECK (rows >= 0),
  bytes bigint NOT NULL CHECK (bytes >= 0),
  added bigint NOT NULL CHECK (added >= 0),
  changed bigint NOT NULL CHECK (changed >= 0),
  removed bigint NOT NULL CHECK (removed >= 0),
  rejected bigint NOT NULL CHECK (rejected >= 0),
  counts jsonb NOT NULL,
  table_schema jsonb NOT NULL,
  files jsonb NOT NULL,
  manifest_key text NOT NULL UNIQUE,
  -- Of the manifest as given, so that a repeated commit is told apart from a competing one.
  manifest_digest bytea NOT NULL,
  sync_id text NOT NULL REFERENCES sync (id),
  created_at timestamptz(6) NOT NULL,
  published_at timestamptz(6) NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (dataset_id, number),
  CONSTRAINT version_after_previous CHECK (previous_number < number),
  CONSTRAINT version_differs_from_previous CHECK (identity <> previous_identity),
  CONSTRAINT version_previous_whole CHECK ((previous_number IS NULL) = (previous_identity IS NULL)),
  CONSTRAINT version_rows_reconcile CHECK ((counts ->> 'read')::bigint = (counts ->> 'published')::bigint
    + (counts ->> 'unchanged')::bigint + (counts ->> 'deduplicated')::bigint + (counts ->> 'deleted')::bigint
    + (counts ->> 'withheld')::bigint + (counts ->> 'rejected')::bigint),
  CONSTRAINT version_previous FOREIGN KEY (dataset_id, previous_number) REFERENCES version (dataset_id, number)
);
CREATE INDEX version_sync ON version (sync_id);

-- The current pointer and the clocks that go with the data; a dataset without a row has no version.
CREATE TABLE current_pointer (
  dataset_id text PRIMARY KEY REFERENCES dataset (id),
  number integer NOT NULL,
  identity text NOT NULL,
  rows bigint NOT NULL,
  bytes bigint NOT NULL,
  checked_at timestamptz(6) NOT NULL,
  source_changed_at timestamptz(6),
  data_changed_at timestamptz(6) NOT NULL,
  FOREIGN KEY (dataset_id, number) REFERENCES version (dataset_id, number)
);

-- Where the last published, or found unchanged, read of a connector ended (I5).
CREATE TABLE connector_cursor (
  connector_id text PRIMARY KEY REFERENCES connector (id),
  number integer NOT NULL CHECK (number > 0),
  sync_id text NOT NULL REFERENCES sync (id),
  cursor jsonb NOT NULL,
  moved_at timestamptz(6) NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE refresh (
  sync_id text PRIMARY KEY REFERENCES sync (id),
  dataset_id text NOT NULL REFERENCES dataset (id),
  connector_id text NOT NULL REFERENCES connector (id),
  number integer NOT NULL,
  attempt integer NOT NULL CHECK (attempt > 0),
  state text NOT NULL CHECK (state IN ('running', 'published', 'unchanged', 'superseded', 'held', 'failed')),
  version integer,
  reason jsonb,
  started_at timestamptz(6) NOT NULL DEFAULT clock_timestamp(),
  ended_at timestamptz(6),
  CONSTRAINT refresh_version_when_published CHECK (state <> 'published' OR version IS NOT NULL),
  CONSTRAINT refresh_reason CHECK (state NOT IN ('failed', 'held') OR reason IS NOT NULL),
  CONSTRAINT refresh_end_when_terminal CHECK ((state IN ('running', 'held')) = (ended_at IS NULL)),
  FOREIGN KEY (dataset_id, version) REFERENCES version (dataset_id, number)
);
CREATE INDEX refresh_open ON refresh (state) WHERE state IN ('running', 'held');
CREATE INDEX refresh_failed ON refresh (ended_at) WHERE state = 'failed';

-- Rejected rows of one sync, by code; the rows themselves are an object.
CREATE TABLE rejected_summary (
  sync_id text PRIMARY KEY REFERENCES sync (id),
  dataset_id text NOT NULL REFERENCES dataset (id),
  count bigint NOT NULL CHECK (count > 0),
  by_code jsonb NOT NULL,
  key text,
  recorded_at timestamptz(6) NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX rejected_of_dataset ON rejected_summary (dataset_id, recorded_at DESC);
