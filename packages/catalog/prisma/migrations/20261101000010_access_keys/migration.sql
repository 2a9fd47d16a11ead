-- Keys that name people and machines: written by the catalog service. The key itself is nowhere; its hash cannot be used as one.
CREATE TABLE api_key (
  id text PRIMARY KEY CHECK (id ~ '^[0-9a-f]{12}$'),
  hash bytea NOT NULL UNIQUE CHECK (octet_length(hash) = 32),
  title text NOT NULL,
  role text NOT NULL CHECK (role IN ('operator', 'reviewer', 'department', 'portal')),
  department resource_name REFERENCES department (name),
  -- A JSON array that narrows what the role may do; null: all of it.
  actions jsonb,
  created_at timestamptz(6) NOT NULL DEFAULT clock_timestamp(),
  created_by text NOT NULL,
  expires_at timestamptz(6),
  last_used_at timestamptz(6),
  revoked_at timestamptz(6),
  CONSTRAINT api_key_department CHECK ((role = 'department') = (department IS NOT NULL)),
  CONSTRAINT api_key_actions CHECK (actions IS NULL OR jsonb_typeof(actions) = 'array')
);

-- A sequence leaves gaps when a transaction rolls back, and a gap could then not be told from a removed row.
ALTER TABLE audit ALTER COLUMN sequence DROP DEFAULT;
DROP SEQUENCE audit_sequence_seq;
CREATE INDEX audit_actor ON audit (actor, sequence DESC);
