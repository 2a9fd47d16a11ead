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

CREATE FUNCTION connector_halted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.halt = 'suspended' AND OLD.halt IS DISTINCT FROM 'suspended' THEN
    INSERT INTO notice (department, subject, code, message, actor)
    SELECT d.department, 'Connector/' || NEW.name, 'connector.suspended', coalesce(NEW.remark, ''), 'department'
    FROM dataset d WHERE d.id = NEW.dataset_id;
  ELSIF (OLD.halt IS NOT NULL AND NEW.halt IS NULL) OR NEW.approved_revision IS DISTINCT FROM OLD.approved_revision THEN
    UPDATE connector_health SET forgiven = NEW.last_number, failures = 0, failing_since = NULL, reason = NULL, next_attempt_at = NULL,
      rate_limited = false, skipped_slot = NULL, skipped = 0 WHERE connector_id = NEW.id;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER connector_halted AFTER UPDATE OF halt, approved_revision ON connector
  FOR EACH ROW EXECUTE FUNCTION connector_halted();

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
CREATE TRIGGER hold_decision_immutable BEFORE UPDATE ON hold_decision FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- A later read that is published has everything that an earlier one waits with.
CREATE FUNCTION holds_superseded() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE refresh SET state = 'superseded', ended_at = clock_timestamp()
  WHERE connector_id = NEW.connector_id AND state = 'held' AND number < NEW.number
    AND (SELECT s.read_range IS NULL FROM sync s WHERE s.id = sync_id);
  RETURN NULL;
END $$;
CREATE TRIGGER holds_superseded AFTER INSERT OR UPDATE OF sync_id ON connector_cursor
  FOR EACH ROW EXECUTE FUNCTION holds_superseded();

-- Decides on a held refresh, and records it. `facts`: {approved, reason, by}. Answers what is so now: the state of the refresh, and
-- everything that was approved of it so far. SH404: there is no such hold.
CREATE FUNCTION hold_decide(asked text, facts jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  r refresh;
  s sync;
  subject text;
  approving boolean := (facts ->> 'approved')::boolean;
BEGIN
  SELECT * INTO r FROM refresh WHERE sync_id = asked FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no refresh of sync % waits for a decision', asked USING ERRCODE = 'SH404';
  END IF;
  SELECT * INTO s FROM sync WHERE id = asked;
  SELECT 'Dataset/' || name INTO subject FROM dataset WHERE id = s.dataset_id;
  IF r.state = 'held' THEN
    INSERT INTO hold_decision (sync_id, position, approved, held_for, reason, decided_by)
    SELECT asked, coalesce(max(position), 0) + 1, approving, r.reason, facts ->> 'reason', facts ->> 'by'
    FROM hold_decision WHERE sync_id = asked;
    IF NOT approving THEN
      UPDATE refresh SET state = 'failed', ended_at = clock_timestamp(), reason = jsonb_build_object('code', 'hold.rejected',
        'message', (facts ->> 'by') || ': ' || (facts ->> 'reason') || ' (' || coalesce(r.reason ->> 'message', '') || ')',
        'actor', 'department', 'retryable', false) WHERE sync_id = asked;
    END IF;
    PERFORM audit_append(facts ->> 'by', CASE WHEN approving THEN 'hold.approve' ELSE 'hold.reject' END, subject,
      jsonb_build_object('sync', asked, 'code', r.reason ->> 'code', 'reason', facts ->> 'reason'));
  END IF;
  RETURN (SELECT jsonb_build_object('state', x.state, 'decided', r.state = 'held', 'attempt', x.attempt,
      'approved', coalesce((SELECT jsonb_agg(DISTINCT h.held_for ->> 'code') FROM hold_decision h
        WHERE h.sync_id = asked AND h.approved), '[]'))
    FROM refresh x WHERE x.sync_id = asked);
END $$;

-- Rejected rows by what is wrong with them: [{code, field?, count, replayable, message}]. Zero rows are left when all were replayed.
ALTER TABLE rejected_summary
  DROP CONSTRAINT rejected_summary_count_check,
  ADD CONSTRAINT rejected_summary_count_check CHECK (count >= 0),
  ADD COLUMN groups jsonb NOT NULL DEFAULT '[]';

CREATE OR REPLACE FUNCTION rejected_record(s sync, rejected jsonb) RETURNS void LANGUAGE sql AS $$
  INSERT INTO rejected_summary (sync_id, dataset_id, count, by_code, groups, key)
  SELECT s.id, s.dataset_id, (rejected ->> 'count')::bigint, rejected -> 'byCode', coalesce(rejected -> 'groups', '[]'), rejected ->> 'key'
  WHERE (rejected ->> 'count')::bigint > 0
  ON CONFLICT (sync_id) DO UPDATE SET count = excluded.count, by_code = excluded.by_code, groups = excluded.groups, key = excluded.key,
    recorded_at = excluded.recorded_at
$$;

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

-- What a replay of the rejected rows of a sync works on, and why it may not be done, if so: `missing`, `unpublished`, `busy`, or `outdated`,
-- when a later read of the source has taken the place of what the sync read. A replay itself is not in its own way.
CREATE FUNCTION quarantine_source(asked text, replay text) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object(
    'dataset', d.name::text, 'datasetId', d.id, 'connector', c.name::text, 'connectorId', c.id, 'department', d.department::text,
    'count', q.count, 'rejected', q.key, 'cursor', coalesce(k.cursor, '{}'),
    'attempt', r.attempt, 'number', s.number, 'rows', s.rows, 'bytes', s.bytes,
    'problem', CASE
      WHEN coalesce(q.count, 0) = 0 OR q.key IS NULL THEN 'missing'
      WHEN coalesce(r.state, '') NOT IN ('published', 'unchanged') THEN 'unpublished'
      WHEN EXISTS (SELECT 1 FROM sync o LEFT JOIN refresh p ON p.sync_id = o.id
        WHERE o.connector_id = s.connector_id AND o.id IS DISTINCT FROM replay AND (o.state IN ('queued', 'reading')
          OR (o.state = 'delivered' AND coalesce(p.state, 'running') = 'running'))) AND replay IS NULL THEN 'busy'
      WHEN c.mode <> 'append' AND EXISTS (SELECT 1 FROM sync o JOIN refresh p ON p.sync_id = o.id
        WHERE o.connector_id = s.connector_id AND o.number > s.number AND p.state = 'published'
          AND NOT EXISTS (SELECT 1 FROM quarantine_replay x WHERE x.sync_id = o.id AND x.replay_of = asked)) THEN 'outdated'
      END)
  FROM sync s JOIN dataset d ON d.id = s.dataset_id JOIN connector c ON c.id = s.connector_id
    LEFT JOIN refresh r ON r.sync_id = s.id LEFT JOIN rejected_summary q ON q.sync_id = s.id
    LEFT JOIN connector_cursor k ON k.connector_id = s.connector_id
  WHERE s.id = asked
$$;

-- Opens a replay as a sync that has read already. `facts`: {id, of, slot, codes?, by, traceparent}. Answers `quarantine_source` with the
-- new sync's number. A backfill's empty range makes it move neither clocks nor cursor.
CREATE FUNCTION quarantine_replay_open(facts jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  source jsonb;
  n integer;
  origin sync;
BEGIN
  SELECT * INTO origin FROM sync WHERE id = facts ->> 'of';
  PERFORM 1 FROM connector WHERE id = origin.connector_id FOR UPDATE;
  source := quarantine_source(facts ->> 'of', NULL);
  IF source IS NULL OR source ->> 'problem' IS NOT NULL THEN
    RETURN source;
  END IF;
  UPDATE connector SET last_number = last_number + 1 WHERE id = origin.connector_id RETURNING last_number INTO n;
  INSERT INTO sync (id, connector_id, dataset_id, department, slot, number, state, read_range, started_at, ended_at, traceparent)
  VALUES (facts ->> 'id', origin.connector_id, origin.dataset_id, origin.department, facts ->> 'slot', n, 'delivered', '{}',
    clock_timestamp(), clock_timestamp(), facts ->> 'traceparent');
  IF NOT FOUND THEN
    RETURN source || '{"problem": "retired"}';
  END IF;
  INSERT INTO quarantine_replay (sync_id, replay_of, codes, requested_by)
  VALUES (facts ->> 'id', facts ->> 'of', nullif(facts -> 'codes', 'null'), facts ->> 'by');
  PERFORM audit_append(facts ->> 'by', 'quarantine.replay', 'Dataset/' || (source ->> 'dataset'),
    jsonb_strip_nulls(jsonb_build_object('sync', facts ->> 'id', 'of', facts ->> 'of', 'codes', facts -> 'codes')));
  RETURN source || jsonb_build_object('number', n);
END $$;

-- After `refresh_publish` or `refresh_finish` of a replay, in their transaction: what left the quarantine, and what is still in it.
-- `outcome`: {of, replayed: {count, key}, remaining: {count, byCode, groups, key}, version}.
CREATE FUNCTION quarantine_replay_end(asked text, outcome jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE quarantine_replay SET count = (outcome #>> '{replayed,count}')::bigint, key = outcome #>> '{replayed,key}',
    version = (outcome ->> 'version')::integer, ended_at = clock_timestamp()
  WHERE sync_id = asked AND replay_of = outcome ->> 'of' AND ended_at IS NULL;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  UPDATE rejected_summary SET count = (outcome #>> '{remaining,count}')::bigint, by_code = outcome #> '{remaining,byCode}',
    groups = outcome #> '{remaining,groups}', key = outcome #>> '{remaining,key}' WHERE sync_id = outcome ->> 'of';
END $$;

-- What a refresh of a sync would know, as `refresh_begin` tells it, without opening one.
CREATE FUNCTION refresh_context(asked text) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object(
    'dataset', jsonb_build_object('id', d.id, 'name', d.name::text, 'spec', d.spec),
    'mode', c.mode,
    'schema', v.table_schema,
    'current', CASE WHEN v.number IS NOT NULL THEN jsonb_build_object('version', v.number, 'identity', v.identity,
      'rows', v.rows, 'manifestKey', v.manifest_key, 'parquetKey',
      (SELECT f ->> 'key' FROM jsonb_array_elements(v.files) f WHERE f ->> 'name' = 'data.parquet')) END)
  FROM sync s JOIN dataset d ON d.id = s.dataset_id JOIN connector c ON c.id = s.connector_id
    LEFT JOIN current_pointer p ON p.dataset_id = d.id
    LEFT JOIN version v ON v.dataset_id = p.dataset_id AND v.number = p.number
  WHERE s.id = asked
$$;
