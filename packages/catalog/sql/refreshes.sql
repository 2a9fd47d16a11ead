-- The steps of a refresh, each in one call and one transaction. SQLSTATE SH404: unknown sync; SH409: another outcome stands.

CREATE OR REPLACE FUNCTION refresh_outcome(s sync) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
  SELECT jsonb_strip_nulls(jsonb_build_object('sync', s.id,
    -- A lane that asks for what is not its turn has been overtaken.
    'state', CASE WHEN s.state IN ('queued', 'reading', 'delivered', 'landed', 'refreshing') THEN 'superseded' ELSE s.state END,
    'version', s.version, 'reason', s.reason))
$$;

-- Whether a sync comes too late: a later read of its connector is settled. A backfill adds to what is there, unless a reset began that anew,
-- or rows of a key that it read earlier would take the place of newer ones; a replay is judged by `quarantine_source`, what changed rules
-- make anew is made of what came last, and a rollback is meant to take the place of what came later.
CREATE OR REPLACE FUNCTION sync_overtaken(s sync) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT CASE s.purpose
    WHEN 'read' THEN c.settled_number > s.number
    WHEN 'backfill' THEN c.reset_number > s.number OR (c.mode = 'merge' AND coalesce(k.number, 0) > s.number)
    WHEN 'replay' THEN c.reset_number > s.number
    ELSE false END
  FROM connector c LEFT JOIN connector_cursor k ON k.connector_id = c.id WHERE c.id = s.connector_id
$$;

-- Codes that a person has let pass: of this sync, or of an earlier read of the very same rows that it took the place of.
CREATE OR REPLACE FUNCTION sync_approvals(s sync) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT coalesce(jsonb_agg(DISTINCT h.held_for ->> 'code'), '[]')
  FROM hold_decision h JOIN sync o ON o.id = h.sync_id
  WHERE h.approved AND (o.id = s.id OR (o.connector_id = s.connector_id AND o.number < s.number AND o.content = s.content
    AND o.purpose = s.purpose AND o.state IN ('held', 'superseded')))
$$;

-- What the landing of a sync must say of itself, as landing told it of the sync that it is of: a replay and changed rules have the landing of
-- another. NULL: that one is not kept any more.
CREATE OR REPLACE FUNCTION landing_facts(s sync) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('traceparent', o.traceparent, 'content', o.content) FROM sync o
  WHERE o.id = CASE WHEN s.purpose IN ('read', 'backfill') THEN s.id ELSE (SELECT x.id FROM sync x
    WHERE x.connector_id = s.connector_id AND x.landing_key = s.landing_key AND x.purpose IN ('read', 'backfill') LIMIT 1) END
$$;

-- What a refresh of a sync must know; NULL: there is no such sync.
CREATE OR REPLACE FUNCTION refresh_context(asked text) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object(
    'sync', jsonb_build_object('id', s.id, 'number', s.number, 'attempt', s.landing_attempt, 'slot', s.slot,
      'purpose', s.purpose, 'connector', c.name::text,
      'landing', s.landing_key, 'landed', landing_facts(s), 'traceparent', s.traceparent, 'approved', sync_approvals(s),
      'replay', (SELECT jsonb_strip_nulls(jsonb_build_object('sync', q.replay_of, 'codes', q.codes))
        FROM quarantine_replay q WHERE q.sync_id = s.id),
      'rollback', CASE WHEN s.purpose = 'rollback' THEN jsonb_build_object('version', s.rollback_to, 'cursor',
        coalesce((SELECT k.cursor FROM connector_cursor k WHERE k.connector_id = s.connector_id), '{}')) END),
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

-- Begins (or begins again) the refresh of what landed as `asked_attempt`, and tells what it must know; `handled` when there is nothing to do.
CREATE OR REPLACE FUNCTION refresh_begin(asked text, asked_attempt integer) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  s sync;
  handled jsonb;
BEGIN
  s := sync_locked(asked);
  IF s.state NOT IN ('landed', 'refreshing') OR s.landing_attempt <> asked_attempt THEN
    handled := refresh_outcome(s);
  ELSIF s.purpose <> 'replay' AND sync_overtaken(s) THEN
    UPDATE sync SET state = 'superseded', trouble = NULL, ended_at = clock_timestamp(), reason = jsonb_build_object(
      'code', 'sync.overtaken', 'actor', 'platform', 'retryable', false,
      'message', CASE s.purpose WHEN 'read' THEN 'a later read of the source is served already'
        ELSE 'a later read is served, which began anew or whose rows this one would replace by older ones; ask for the range again' END)
    WHERE id = asked RETURNING * INTO s;
    handled := refresh_outcome(s);
  ELSIF s.purpose = 'rules' AND (SELECT l.id FROM rules_landing(s.connector_id) l) IS NULL THEN
    UPDATE sync SET state = 'superseded', trouble = NULL, ended_at = clock_timestamp(), reason = jsonb_build_object(
      'code', 'rules.nothing', 'actor', 'platform', 'retryable', false,
      'message', 'nothing that landed whole is served; the next read takes the changed rules') WHERE id = asked RETURNING * INTO s;
    handled := refresh_outcome(s);
  ELSE
    IF s.purpose = 'rules' THEN
      -- A read that was on its way when the rules changed may have come before it, by the rules of before.
      UPDATE sync SET landing_key = (SELECT l.landing_key FROM rules_landing(s.connector_id) l) WHERE id = asked;
    END IF;
    UPDATE sync SET state = 'refreshing', touched_at = clock_timestamp(),
      refresh_started_at = coalesce(refresh_started_at, clock_timestamp()) WHERE id = asked;
  END IF;
  RETURN refresh_context(asked) || jsonb_build_object('handled', handled);
END $$;

-- Only a read moves the cursor, and only forward. False: a later one has moved it.
CREATE OR REPLACE FUNCTION cursor_advance(s sync, next_cursor jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  IF s.purpose <> 'read' THEN
    RETURN true;
  END IF;
  INSERT INTO connector_cursor AS c (connector_id, number, sync_id, cursor)
  VALUES (s.connector_id, s.number, s.id, next_cursor)
  ON CONFLICT (connector_id) DO UPDATE SET number = excluded.number, sync_id = excluded.sync_id, cursor = excluded.cursor,
    moved_at = excluded.moved_at WHERE c.number < excluded.number;
  RETURN FOUND;
END $$;

-- Whether `s`, of the same connector and later, leaves nothing for the hold of `h` to add. "Nothing new" settles a whole source only; of one
-- that is read in parts it says nothing of the rows that a hold has.
CREATE OR REPLACE FUNCTION hold_replaced(h sync, s sync, mode text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT h.connector_id = s.connector_id AND h.number < s.number
    AND NOT (s.state = 'unchanged' AND s.landing_key IS NULL AND mode <> 'full')
    AND (s.reset AND s.state IN ('published', 'unchanged') OR CASE h.purpose
      WHEN 'read' THEN s.purpose = 'read'
      WHEN 'backfill' THEN (s.purpose = 'backfill' AND s.read_range = h.read_range)
        OR (s.purpose = 'read' AND s.state = 'published' AND mode = 'merge')
      -- A read without a landing was compared with the source's state alone, and no rule was asked.
      WHEN 'rules' THEN s.purpose = 'rules' OR (s.purpose = 'read' AND s.landing_key IS NOT NULL)
      ELSE s.purpose IN ('read', 'rules') AND s.state = 'published' AND mode <> 'append' END)
$$;

-- Unless a person has decided on it meanwhile: that stands.
CREATE OR REPLACE FUNCTION hold_supersede(h sync, s sync) RETURNS void LANGUAGE sql AS $$
  UPDATE sync SET state = 'superseded', ended_at = clock_timestamp(), reason = jsonb_build_object(
    'code', 'hold.superseded', 'actor', 'platform', 'retryable', false, 'by', s.id,
    'message', 'sync ' || s.id || ' read the source again and took its place')
  WHERE id = h.id AND state = 'held'
$$;

-- After a sync came to be published, unchanged or held: settles its place in the order of reads, and ends the holds that it leaves nothing
-- to add; its own, too, when it comes after the later one.
CREATE OR REPLACE FUNCTION sync_settle(s sync) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  mode text := (SELECT c.mode FROM connector c WHERE c.id = s.connector_id);
BEGIN
  IF s.state = 'unchanged' AND s.landing_key IS NULL AND mode <> 'full' THEN
    RETURN;
  END IF;
  IF s.purpose = 'read' AND s.state <> 'held' THEN
    UPDATE connector SET settled_number = s.number, reset_number = CASE WHEN s.reset THEN s.number ELSE reset_number END
      WHERE id = s.connector_id AND settled_number < s.number;
  END IF;
  PERFORM hold_supersede(h, s) FROM sync h
    WHERE h.connector_id = s.connector_id AND h.state = 'held' AND hold_replaced(h, s, mode);
  IF s.state = 'held' THEN
    PERFORM hold_supersede(s, l) FROM sync l
      WHERE l.connector_id = s.connector_id AND (l.state = 'held' OR (sync_overtaken(s) AND l.state IN ('published', 'unchanged')))
        AND hold_replaced(s, l, mode)
      ORDER BY l.number DESC LIMIT 1;
  END IF;
END $$;

-- What a sync rejected, in place of what it rejected when it was held before; `rejected` NULL: it was not asked again.
CREATE OR REPLACE FUNCTION rejected_record(s sync, rejected jsonb) RETURNS void LANGUAGE sql AS $$
  DELETE FROM rejected_summary WHERE sync_id = s.id AND (rejected ->> 'count')::bigint = 0;
  INSERT INTO rejected_summary (sync_id, dataset_id, count, by_code, groups, key)
  SELECT s.id, s.dataset_id, (rejected ->> 'count')::bigint, rejected -> 'byCode', coalesce(rejected -> 'groups', '[]'), rejected ->> 'key'
  WHERE (rejected ->> 'count')::bigint > 0
  ON CONFLICT (sync_id) DO UPDATE SET count = excluded.count, by_code = excluded.by_code, groups = excluded.groups, key = excluded.key,
    recorded_at = excluded.recorded_at
$$;

-- The publish transaction: version, pointer (compare-and-set from `previous`), cursor, sync, rejected, outbox, audit. `made_by`: the rules that
-- made all of it; NULL: some of its rows were there before, or a rollback brought them back, which stays whatever the rules are. A backfill, a
-- replay, changed rules and a rollback say nothing of how fresh the data is: the source is as it was, so they move neither the clocks nor the cursor.
CREATE OR REPLACE FUNCTION refresh_publish(m jsonb, m_key text, rejected jsonb, event jsonb, stage_seconds jsonb, made_by text DEFAULT NULL)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  s sync;
  digest bytea := sha256(convert_to(m::text, 'UTF8'));
  n integer := (m ->> 'version')::integer;
  size bigint := (SELECT sum((f ->> 'bytes')::bigint) FROM jsonb_array_elements(m -> 'files') f);
BEGIN
  -- First, as every step does: a paused worker that wakes beside its successor waits here, and neither deadlocks.
  SELECT * INTO s FROM sync WHERE id = m #>> '{source,sync}' AND dataset_id = m ->> 'datasetId'
    AND number = (m #>> '{source,number}')::integer FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'sync % of dataset % is not in the catalog', m #>> '{source,sync}', m ->> 'dataset' USING ERRCODE = 'SH404';
  END IF;
  INSERT INTO version (dataset_id, number, identity, previous_number, previous_identity, rows, bytes, added, changed, removed,
    rejected, counts, table_schema, files, manifest_key, manifest_digest, sync_id, created_at)
  VALUES (s.dataset_id, n, m ->> 'identity', (m #>> '{previous,version}')::integer, m #>> '{previous,identity}',
    (m ->> 'rows')::bigint, coalesce(size, 0), (m #>> '{changes,added}')::bigint, (m #>> '{changes,changed}')::bigint,
    (m #>> '{changes,removed}')::bigint, (rejected ->> 'count')::bigint, m -> 'counts',
    jsonb_build_object('columns', m -> 'columns', 'primaryKey', m -> 'primaryKey'), m -> 'files', m_key, digest, s.id,
    (m ->> 'createdAt')::timestamptz)
  ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN
    IF EXISTS (SELECT 1 FROM version v WHERE v.dataset_id = s.dataset_id AND v.number = n AND v.manifest_digest = digest) THEN
      RETURN 'already';
    END IF;
    RAISE EXCEPTION 'version % of dataset % is another one', n, m ->> 'dataset' USING ERRCODE = 'SH409';
  END IF;
  IF s.state <> 'refreshing' THEN
    RAISE EXCEPTION 'sync % is % and not being refreshed', s.id, s.state USING ERRCODE = 'SH409';
  END IF;

  IF m -> 'previous' = 'null' THEN
    INSERT INTO current_pointer (dataset_id, number, identity, rows, bytes, checked_at, source_changed_at, data_changed_at, rules)
    VALUES (s.dataset_id, n, m ->> 'identity', (m ->> 'rows')::bigint, coalesce(size, 0), coalesce(s.started_at, now()),
      (m #>> '{source,changedAt}')::timestamptz, clock_timestamp(), made_by)
    ON CONFLICT DO NOTHING;
  ELSE
    UPDATE current_pointer p SET number = n, identity = m ->> 'identity', rows = (m ->> 'rows')::bigint,
      bytes = coalesce(size, 0), rules = CASE WHEN s.purpose = 'rollback' THEN (SELECT d.rules FROM dataset d WHERE d.id = s.dataset_id) ELSE coalesce(made_by, p.rules) END,
      checked_at = CASE WHEN s.purpose = 'read' THEN greatest(p.checked_at, s.started_at) ELSE p.checked_at END,
      data_changed_at = CASE WHEN s.purpose = 'read' THEN clock_timestamp() ELSE p.data_changed_at END,
      source_changed_at = CASE WHEN s.purpose = 'read'
        THEN greatest(p.source_changed_at, (m #>> '{source,changedAt}')::timestamptz) ELSE p.source_changed_at END
    WHERE p.dataset_id = s.dataset_id AND p.number = (m #>> '{previous,version}')::integer
      AND p.identity = m #>> '{previous,identity}';
  END IF;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'dataset % moved on from version %', m ->> 'dataset', m #>> '{previous,version}' USING ERRCODE = 'SH409';
  END IF;
  -- The cursor first: a later read that is found unchanged meanwhile holds it until that is settled.
  IF NOT cursor_advance(s, m -> 'cursor') THEN
    RAISE EXCEPTION 'a later sync of connector % is published', m #>> '{source,connector}' USING ERRCODE = 'SH409';
  END IF;
  IF sync_overtaken(s) THEN
    RAISE EXCEPTION 'a later sync of connector % is published', m #>> '{source,connector}' USING ERRCODE = 'SH409';
  END IF;

  UPDATE sync SET state = 'published', version = n, trouble = NULL, ended_at = clock_timestamp(), stages = nullif(stage_seconds, 'null')
    WHERE id = s.id RETURNING * INTO s;
  PERFORM sync_settle(s);
  PERFORM rejected_record(s, rejected);
  PERFORM audit_append('service:refresh', 'version.publish', 'Dataset/' || (m ->> 'dataset'),
    jsonb_build_object('version', n, 'identity', m ->> 'identity', 'sync', s.id));
  INSERT INTO outbox (event_id, event) VALUES (event ->> 'id', event);
  PERFORM pg_notify('songhua_outbox', '');
  RETURN 'committed';
END $$;

-- Ends (or holds) the refresh of `asked_attempt` without a version. Where it is not that refresh's turn any more, nothing changes.
CREATE OR REPLACE FUNCTION refresh_finish(asked text, asked_attempt integer, outcome jsonb, effects jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  s sync;
BEGIN
  s := sync_locked(asked);
  IF s.state NOT IN ('landed', 'refreshing') OR s.landing_attempt <> asked_attempt THEN
    RETURN;
  END IF;
  UPDATE sync SET state = outcome ->> 'state', version = (outcome ->> 'version')::integer, reason = nullif(outcome -> 'reason', 'null'),
    trouble = NULL, stages = nullif(effects -> 'stages', 'null'), touched_at = clock_timestamp(),
    ended_at = CASE WHEN outcome ->> 'state' <> 'held' THEN clock_timestamp() END
  WHERE id = asked RETURNING * INTO s;
  PERFORM rejected_record(s, effects -> 'rejected');
  IF s.state = 'unchanged' THEN
    UPDATE current_pointer p SET rules = coalesce(effects ->> 'rules', p.rules),
      checked_at = CASE WHEN s.purpose = 'read' THEN greatest(p.checked_at, s.started_at) ELSE p.checked_at END,
      source_changed_at = CASE WHEN s.purpose = 'read'
        THEN greatest(p.source_changed_at, (effects ->> 'sourceChangedAt')::timestamptz) ELSE p.source_changed_at END
    WHERE p.dataset_id = s.dataset_id AND p.number = coalesce(s.version, p.number);
    IF NOT FOUND THEN
      RAISE EXCEPTION 'the dataset of sync % moved on while it was compared', asked USING ERRCODE = 'SH409';
    END IF;
    IF effects -> 'cursor' <> 'null' THEN
      PERFORM cursor_advance(s, effects -> 'cursor');
    END IF;
  END IF;
  IF s.state IN ('unchanged', 'held') THEN
    PERFORM sync_settle(s);
  END IF;
END $$;

-- Says that these are being worked on, and why one is tried again. `works`: [{sync, attempt, trouble?}].
CREATE OR REPLACE FUNCTION refresh_touch(works jsonb) RETURNS void LANGUAGE sql AS $$
  UPDATE sync s SET touched_at = clock_timestamp(), trouble = coalesce(nullif(e -> 'trouble', 'null'), s.trouble)
  FROM jsonb_array_elements(works) e
  WHERE s.id = e ->> 'sync' AND s.landing_attempt = (e ->> 'attempt')::integer AND s.state IN ('landed', 'refreshing')
$$;
