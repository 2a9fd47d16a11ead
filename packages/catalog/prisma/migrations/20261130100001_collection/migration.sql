-- What the collector must remember of what it removed, and of its runs. Written by the catalog service.

-- Versions whose files are not kept any more. Row and manifest stay, so that history and audit can be verified.
CREATE TABLE version_tombstone (
  dataset_id text NOT NULL,
  number integer NOT NULL,
  at timestamptz(6) NOT NULL,
  by text NOT NULL,
  reason text NOT NULL,
  PRIMARY KEY (dataset_id, number),
  FOREIGN KEY (dataset_id, number) REFERENCES version (dataset_id, number)
);

-- Set before the objects of its landing go, so that nothing is begun that would need them.
ALTER TABLE sync ADD COLUMN landing_removed_at timestamptz(6);
CREATE INDEX sync_ended_at ON sync (ended_at) WHERE ended_at IS NOT NULL;

-- Up to where a log was cut at its beginning: `outbox` by position, `audit` by sequence with the hash that its next row continues.
CREATE TABLE log_cut (
  log text PRIMARY KEY CHECK (log IN ('outbox', 'audit')),
  position bigint NOT NULL CHECK (position > 0),
  hash bytea,
  at timestamptz(6) NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT log_cut_hash CHECK ((log = 'audit') = (hash IS NOT NULL))
);

-- Runs of the collector, with how far they came; at most one has a lease.
CREATE TABLE collection (
  id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  dry_run boolean NOT NULL,
  by text NOT NULL,
  started_at timestamptz(6) NOT NULL DEFAULT clock_timestamp(),
  lease_until timestamptz(6) NOT NULL,
  ended_at timestamptz(6),
  stage text NOT NULL DEFAULT '',
  report jsonb NOT NULL,
  problem jsonb
);

CREATE INDEX ingest_object ON ingest (object_key);
