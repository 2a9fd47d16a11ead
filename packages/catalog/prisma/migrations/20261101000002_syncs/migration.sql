-- Runs of connectors: written by the connector service.

CREATE TABLE sync (
  id text PRIMARY KEY,
  connector_id text NOT NULL REFERENCES connector (id),
  dataset_id text NOT NULL REFERENCES dataset (id),
  department resource_name NOT NULL,
  -- A schedule's instant in ISO 8601, or `request:<id>`; in byte order, so that the last instant is found by index.
  slot text COLLATE "C" NOT NULL,
  number integer NOT NULL CHECK (number > 0),
  attempt integer NOT NULL DEFAULT 1 CHECK (attempt > 0),
  state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'reading', 'delivered', 'unchanged', 'failed')),
  full_read boolean NOT NULL DEFAULT false,
  -- Number of the connector's cursor when this sync was taken: what its validators hold for.
  base_number integer NOT NULL DEFAULT 0,
  rows bigint NOT NULL DEFAULT 0 CHECK (rows >= 0),
  rejected bigint NOT NULL DEFAULT 0 CHECK (rejected >= 0),
  bytes bigint NOT NULL DEFAULT 0 CHECK (bytes >= 0),
  reason jsonb,
  owner text,
  lease_until timestamptz(6),
  queued_at timestamptz(6) NOT NULL DEFAULT clock_timestamp(),
  started_at timestamptz(6),
  ended_at timestamptz(6),
  traceparent text NOT NULL,
  CONSTRAINT sync_slot_once UNIQUE (connector_id, slot),
  CONSTRAINT sync_number_once UNIQUE (connector_id, number),
  CONSTRAINT sync_lease_while_reading CHECK ((state = 'reading') = (owner IS NOT NULL AND lease_until IS NOT NULL)),
  CONSTRAINT sync_reason_when_failed CHECK ((state = 'failed') = (reason IS NOT NULL)),
  CONSTRAINT sync_end_when_terminal CHECK ((state IN ('queued', 'reading')) = (ended_at IS NULL))
);
CREATE UNIQUE INDEX sync_one_reading ON sync (connector_id) WHERE state = 'reading';
CREATE INDEX sync_queue ON sync (connector_id, number) WHERE state = 'queued';
CREATE INDEX sync_leases ON sync (lease_until) WHERE state = 'reading';
CREATE INDEX sync_of_dataset ON sync (dataset_id, queued_at DESC);
CREATE INDEX sync_recent ON sync (queued_at DESC);
CREATE INDEX sync_ended ON sync (ended_at) WHERE state IN ('delivered', 'failed');
