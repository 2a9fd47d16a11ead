-- What others are told, and what is kept for the record.

-- Rows come from the refresh service. Positions are given under a lock that is held to the end of the transaction, so that a
-- reader that has seen a position has seen every lower one.
CREATE TABLE outbox (
  position bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  event_id text NOT NULL UNIQUE,
  event jsonb NOT NULL,
  created_at timestamptz(6) NOT NULL DEFAULT clock_timestamp()
);
CREATE TRIGGER outbox_immutable BEFORE UPDATE OR DELETE ON outbox FOR EACH ROW EXECUTE FUNCTION refuse_change();

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
CREATE TRIGGER audit_immutable BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE INDEX audit_subject ON audit (subject, sequence DESC);

-- Taken last in a transaction: from here to its end the writers of outbox and audit go one after another.
CREATE FUNCTION record_lock() RETURNS void LANGUAGE sql AS $$ SELECT pg_advisory_xact_lock(hashtext('songhua.record')) $$;

CREATE FUNCTION audit_append(who text, what text, whom text, facts jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  before bytea;
  moment timestamptz := clock_timestamp();
BEGIN
  PERFORM record_lock();
  SELECT hash INTO before FROM audit ORDER BY sequence DESC LIMIT 1;
  INSERT INTO audit (at, actor, action, subject, detail, prev_hash, hash) VALUES (moment, who, what, whom, facts, before,
    sha256(coalesce(before, '') || convert_to(jsonb_build_array(extract(epoch FROM moment), who, what, whom, facts)::text, 'UTF8')));
END $$;

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
CREATE TRIGGER render_immutable BEFORE UPDATE OR DELETE ON render FOR EACH ROW EXECUTE FUNCTION refuse_change();
