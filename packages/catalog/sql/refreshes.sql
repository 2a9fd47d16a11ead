-- The steps of a refresh, each in one call and one transaction. SQLSTATE SH404: unknown sync; SH409: another outcome stands.

CREATE OR REPLACE FUNCTION refresh_outcome(r refresh) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_strip_nulls(jsonb_build_object('dataset', d.name::text, 'sync', r.sync_id, 'state', r.state,
    'version', r.version, 'reason', r.reason))
  FROM dataset d WHERE d.id = r.dataset_id
$$;

-- Opens (or opens again) the refresh of a sync and tells what it must know; `handled` when there is nothing left to do.
CREATE OR REPLACE FUNCTION refresh_begin(asked text, asked_attempt integer, overridden boolean) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  s sync;
  r refresh;
  handled jsonb;
BEGIN
  SELECT * INTO s FROM sync WHERE id = asked;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'sync % is not in the catalog', asked USING ERRCODE = 'SH404';
  END IF;
  SELECT * INTO r FROM refresh WHERE sync_id = asked FOR UPDATE;
  IF FOUND AND r.attempt > asked_attempt THEN
    handled := refresh_outcome(r) || '{"state": "superseded"}';
  ELSIF FOUND AND (r.state IN ('published', 'unchanged', 'superseded')
      OR (r.attempt = asked_attempt AND (r.state = 'failed' OR (r.state = 'held' AND NOT overridden)))) THEN
    handled := refresh_outcome(r);
  ELSE
    INSERT INTO refresh AS o (sync_id, dataset_id, connector_id, number, attempt, state, ended_at)
    SELECT s.id, s.dataset_id, s.connector_id, s.number, asked_attempt, x.state,
      CASE x.state WHEN 'superseded' THEN clock_timestamp() END
    FROM (SELECT CASE WHEN EXISTS (SELECT 1 FROM connector_cursor c
      WHERE c.connector_id = s.connector_id AND c.number > s.number) THEN 'superseded' ELSE 'running' END AS state) x
    ON CONFLICT (sync_id) DO UPDATE SET attempt = excluded.attempt, state = excluded.state, reason = NULL, version = NULL,
      started_at = excluded.started_at, ended_at = excluded.ended_at
    RETURNING o.* INTO r;
    IF r.state = 'superseded' THEN
      handled := refresh_outcome(r);
    END IF;
  END IF;
  RETURN (SELECT jsonb_build_object(
      'dataset', jsonb_build_object('id', d.id, 'name', d.name::text, 'spec', d.spec),
      'mode', c.mode,
      'schema', v.table_schema,
      'current', CASE WHEN v.number IS NOT NULL THEN jsonb_build_object('version', v.number, 'identity', v.identity,
        'rows', v.rows, 'manifestKey', v.manifest_key, 'parquetKey',
        (SELECT f ->> 'key' FROM jsonb_array_elements(v.files) f WHERE f ->> 'name' = 'data.parquet')) END,
      'handled', handled)
    FROM dataset d JOIN connector c ON c.id = s.connector_id
      LEFT JOIN current_pointer p ON p.dataset_id = d.id
      LEFT JOIN version v ON v.dataset_id = p.dataset_id AND v.number = p.number
    WHERE d.id = s.dataset_id);
END $$;

-- A backfill says nothing of how fresh the data is, so it moves neither the clocks nor the cursor; only the order of syncs goes on.
CREATE OR REPLACE FUNCTION cursor_advance(s sync, next_cursor jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  IF s.read_range IS NOT NULL THEN
    UPDATE connector_cursor c SET number = s.number WHERE c.connector_id = s.connector_id AND c.number < s.number;
    RETURN FOUND OR NOT EXISTS (SELECT 1 FROM connector_cursor c WHERE c.connector_id = s.connector_id);
  END IF;
  INSERT INTO connector_cursor AS c (connector_id, number, sync_id, cursor)
  VALUES (s.connector_id, s.number, s.id, next_cursor)
  ON CONFLICT (connector_id) DO UPDATE SET number = excluded.number, sync_id = excluded.sync_id, cursor = excluded.cursor,
    moved_at = excluded.moved_at WHERE c.number < excluded.number;
  RETURN FOUND;
END $$;

CREATE OR REPLACE FUNCTION rejected_record(s sync, rejected jsonb) RETURNS void LANGUAGE sql AS $$
  INSERT INTO rejected_summary (sync_id, dataset_id, count, by_code, groups, key)
  SELECT s.id, s.dataset_id, (rejected ->> 'count')::bigint, rejected -> 'byCode', coalesce(rejected -> 'groups', '[]'), rejected ->> 'key'
  WHERE (rejected ->> 'count')::bigint > 0
  ON CONFLICT (sync_id) DO UPDATE SET count = excluded.count, by_code = excluded.by_code, groups = excluded.groups, key = excluded.key,
    recorded_at = excluded.recorded_at
$$;

CREATE OR REPLACE FUNCTION refresh_publish(m jsonb, m_key text, rejected jsonb, event jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  s sync;
  digest bytea := sha256(convert_to(m::text, 'UTF8'));
  n integer := (m ->> 'version')::integer;
  size bigint := (SELECT sum((f ->> 'bytes')::bigint) FROM jsonb_array_elements(m -> 'files') f);
BEGIN
  SELECT * INTO s FROM sync WHERE id = m #>> '{source,sync}' AND dataset_id = m ->> 'datasetId'
    AND number = (m #>> '{source,number}')::integer;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'sync % of dataset % is not in the catalog', m #>> '{source,sync}', m ->> 'dataset' USING ERRCODE = 'SH404';
  END IF;
  -- First, as every step does: a paused worker that wakes beside its successor waits here, and neither deadlocks.
  PERFORM 1 FROM refresh WHERE sync_id = s.id FOR UPDATE;
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

  IF m -> 'previous' = 'null' THEN
    INSERT INTO current_pointer (dataset_id, number, identity, rows, bytes, checked_at, source_changed_at, data_changed_at)
    VALUES (s.dataset_id, n, m ->> 'identity', (m ->> 'rows')::bigint, coalesce(size, 0), coalesce(s.started_at, now()),
      (m #>> '{source,changedAt}')::timestamptz, clock_timestamp())
    ON CONFLICT DO NOTHING;
  ELSE
    UPDATE current_pointer p SET number = n, identity = m ->> 'identity', rows = (m ->> 'rows')::bigint,
      bytes = coalesce(size, 0),
      checked_at = CASE WHEN s.read_range IS NULL THEN greatest(p.checked_at, s.started_at) ELSE p.checked_at END,
      data_changed_at = CASE WHEN s.read_range IS NULL THEN clock_timestamp() ELSE p.data_changed_at END,
      source_changed_at = CASE WHEN s.read_range IS NULL
        THEN greatest(p.source_changed_at, (m #>> '{source,changedAt}')::timestamptz) ELSE p.source_changed_at END
    WHERE p.dataset_id = s.dataset_id AND p.number = (m #>> '{previous,version}')::integer
      AND p.identity = m #>> '{previous,identity}';
  END IF;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'dataset % moved on from version %', m ->> 'dataset', m #>> '{previous,version}' USING ERRCODE = 'SH409';
  END IF;

  IF NOT cursor_advance(s, m -> 'cursor') THEN
    RAISE EXCEPTION 'a later sync of connector % is published', m #>> '{source,connector}' USING ERRCODE = 'SH409';
  END IF;
  UPDATE refresh SET state = 'published', version = n, reason = NULL, ended_at = clock_timestamp()
    WHERE sync_id = s.id AND state = 'running';
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the refresh of sync % is not running', s.id USING ERRCODE = 'SH409';
  END IF;
  PERFORM rejected_record(s, rejected);
  PERFORM audit_append('service:refresh', 'version.publish', 'Dataset/' || (m ->> 'dataset'),
    jsonb_build_object('version', n, 'identity', m ->> 'identity', 'sync', s.id));
  INSERT INTO outbox (event_id, event) VALUES (event ->> 'id', event);
  PERFORM pg_notify('songhua_outbox', '');
  RETURN 'committed';
END $$;

CREATE OR REPLACE FUNCTION refresh_finish(asked text, asked_attempt integer, outcome jsonb, effects jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  s sync;
BEGIN
  SELECT * INTO s FROM sync WHERE id = asked;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'sync % is not in the catalog', asked USING ERRCODE = 'SH404';
  END IF;
  INSERT INTO refresh AS r (sync_id, dataset_id, connector_id, number, attempt, state, version, reason, ended_at)
  VALUES (s.id, s.dataset_id, s.connector_id, s.number, asked_attempt, outcome ->> 'state',
    (outcome ->> 'version')::integer, nullif(outcome -> 'reason', 'null'),
    CASE WHEN outcome ->> 'state' <> 'held' THEN clock_timestamp() END)
  ON CONFLICT (sync_id) DO UPDATE SET attempt = excluded.attempt, state = excluded.state, version = excluded.version,
    reason = excluded.reason, ended_at = excluded.ended_at
  WHERE r.attempt <= excluded.attempt AND (r.state IN ('running', 'held') OR (r.state = 'failed' AND r.attempt < excluded.attempt));
  IF NOT FOUND THEN
    RETURN;
  END IF;
  PERFORM rejected_record(s, effects -> 'rejected');
  IF outcome ->> 'state' = 'unchanged' THEN
    UPDATE current_pointer p SET
      checked_at = CASE WHEN s.read_range IS NULL THEN greatest(p.checked_at, s.started_at) ELSE p.checked_at END,
      source_changed_at = CASE WHEN s.read_range IS NULL
        THEN greatest(p.source_changed_at, (effects ->> 'sourceChangedAt')::timestamptz) ELSE p.source_changed_at END
    WHERE p.dataset_id = s.dataset_id AND p.number = coalesce((outcome ->> 'version')::integer, p.number);
    IF NOT FOUND THEN
      RAISE EXCEPTION 'dataset % moved on while its sync was compared', outcome ->> 'dataset' USING ERRCODE = 'SH409';
    END IF;
    IF effects -> 'cursor' <> 'null' THEN
      PERFORM cursor_advance(s, effects -> 'cursor');
    END IF;
  END IF;
END $$;

-- What a refresh of a sync would know, as `refresh_begin` tells it, without opening one.
CREATE OR REPLACE FUNCTION refresh_context(asked text) RETURNS jsonb LANGUAGE sql STABLE AS $$
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
