-- Values of secrets are envelopes that the connector service seals; nothing readable is accepted. Rows from before are sealed when it starts.
ALTER TABLE connector_secret ADD CONSTRAINT connector_secret_sealed CHECK (value LIKE 'sealed1.%') NOT VALID;

-- How a connector fares, derived from the ends of its syncs; no row: well. Written by the connector service.
CREATE TABLE connector_health (
  connector_id text PRIMARY KEY REFERENCES connector (id),
  -- Syncs up to this number no longer count: somebody resumed or changed the connector since.
  forgiven integer NOT NULL DEFAULT 0,
  failures integer NOT NULL DEFAULT 0 CHECK (failures >= 0),
  failing_since timestamptz(6),
  reason jsonb,
  -- The sync that the rest was derived from.
  last_number integer,
  -- Left alone until then.
  next_attempt_at timestamptz(6),
  rate_limited boolean NOT NULL DEFAULT false,
  -- The last slot that was passed over meanwhile, and how many were.
  skipped_slot text COLLATE "C",
  skipped integer NOT NULL DEFAULT 0 CHECK (skipped >= 0),
  CONSTRAINT connector_health_reason CHECK ((failures = 0) = (reason IS NULL))
);
CREATE INDEX connector_health_due ON connector_health (next_attempt_at) WHERE next_attempt_at IS NOT NULL;

-- What the owner of a thing is told of, in order; written in the transaction that makes it so.
CREATE TABLE notice (
  position bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  department resource_name NOT NULL,
  subject text NOT NULL,
  code text NOT NULL,
  message text NOT NULL,
  -- Who can act.
  actor text NOT NULL CHECK (actor IN ('department', 'operator', 'platform')),
  at timestamptz(6) NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX notice_of_department ON notice (department, position DESC);

-- What people decided of held refreshes; the last one stands. Written by the catalog service.
CREATE TABLE hold_decision (
  sync_id text NOT NULL REFERENCES sync (id),
  position integer NOT NULL CHECK (position > 0),
  approved boolean NOT NULL,
  -- Why it was held: what was decided on.
  held_for jsonb NOT NULL,
  reason text NOT NULL,
  decided_by text NOT NULL,
  at timestamptz(6) NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (sync_id, position)
);

-- Rejected rows by what is wrong with them: [{code, field?, count, replayable, message}]. Zero rows are left when all were replayed.
ALTER TABLE rejected_summary
  DROP CONSTRAINT rejected_summary_count_check,
  ADD CONSTRAINT rejected_summary_count_check CHECK (count >= 0),
  ADD COLUMN groups jsonb NOT NULL DEFAULT '[]';

-- Rows that left the quarantine of `replay_of`, by a sync that read nothing but them. They are kept as an object.
CREATE TABLE quarantine_replay (
  sync_id text PRIMARY KEY REFERENCES sync (id),
  replay_of text NOT NULL REFERENCES sync (id),
  -- Only rows that were rejected for one of these; NULL: all.
  codes jsonb,
  requested_by text NOT NULL,
  count bigint NOT NULL DEFAULT 0 CHECK (count >= 0),
  key text,
  version integer,
  ended_at timestamptz(6)
);
CREATE INDEX quarantine_replay_of ON quarantine_replay (replay_of);
