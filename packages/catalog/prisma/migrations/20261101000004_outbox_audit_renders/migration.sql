-- What others are told, and what is kept for the record.

-- Rows come from the refresh service. Positions are given under a lock that is held to the end of the transaction, so that a
-- reader that has seen a position has seen every lower one.
CREATE TABLE outbox (
  position bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  event_id text NOT NULL UNIQUE,
  event jsonb NOT NULL,
  created_at timestamptz(6) NOT NULL DEFAULT clock_timestamp()
);

-- How far the catalog service has announced; its own, so that the outbox has one writer.
CREATE TABLE relay (
  name text PRIMARY KEY,
  position bigint NOT NULL CHECK (position >= 0),
  moved_at timestamptz(6) NOT NULL DEFAULT clock_timestamp()
);
INSERT INTO relay (name, position) VALUES ('versions', 0);

-- Each row's hash covers the row before it, so that an edit, a removal or a reordering shows.
CREATE TABLE audit (
  sequence bigserial PRIMARY KEY,
  at timestamptz(6) NOT NULL,
  actor text NOT NULL,
  action text NOT NULL,
  subject text NOT NULL,
  detail jsonb NOT NULL,
  prev_hash bytea,
  hash bytea NOT NULL UNIQUE
);
CREATE INDEX audit_subject ON audit (subject, sequence DESC);

-- Files rendered from a version on first request; recorded once, so that their bytes never change afterwards (I1).
CREATE TABLE render (
  dataset_id text NOT NULL,
  number integer NOT NULL,
  name text NOT NULL,
  key text NOT NULL UNIQUE,
  media_type text NOT NULL,
  bytes bigint NOT NULL CHECK (bytes >= 0),
  sha256 text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
  rendered_at timestamptz(6) NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (dataset_id, number, name),
  FOREIGN KEY (dataset_id, number) REFERENCES version (dataset_id, number)
);
