-- Syncs that somebody asks for beyond the usual: of a range of cursor values, or to build the dataset anew.
ALTER TABLE sync
  -- {from?, to?}: bounds of cursor values, both included.
  ADD COLUMN read_range jsonb CHECK (jsonb_typeof(read_range) = 'object'),
  -- Nothing of the version before stays.
  ADD COLUMN reset boolean NOT NULL DEFAULT false,
  ADD CONSTRAINT sync_range_or_everything CHECK (read_range IS NULL OR NOT (full_read OR reset)),
  ADD CONSTRAINT sync_reset_reads_everything CHECK (full_read OR NOT reset);

CREATE OR REPLACE FUNCTION sync_json(s sync) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT to_jsonb(s) - 'full_read' - 'base_number' - 'read_range' || jsonb_build_object(
    'full', s.full_read, 'range', s.read_range, 'connector', c.name::text, 'dataset', d.name::text)
  FROM connector c JOIN dataset d ON d.id = s.dataset_id WHERE c.id = s.connector_id
$$;

-- Claims slots. `slots`: [{id, connectorId, slot, full, reset?, range?, by, traceparent}], of one and the same `by`. A slot that exists is
-- left as it is and returned. What is asked beyond the usual is on the record.
CREATE OR REPLACE FUNCTION sync_enqueue(slots jsonb) RETURNS SETOF jsonb LANGUAGE plpgsql AS $$
DECLARE
  claimed text[];
BEGIN
  -- In id order, so that two replicas that claim the same slots cannot deadlock; the next statement sees what the other claimed.
  PERFORM 1 FROM connector
    WHERE id IN (SELECT e ->> 'connectorId' FROM jsonb_array_elements(slots) e) ORDER BY id FOR UPDATE;
  WITH asked AS (
    SELECT DISTINCT ON (e ->> 'connectorId', e ->> 'slot')
      e ->> 'id' AS id, e ->> 'connectorId' AS connector_id, e ->> 'slot' AS slot,
      (e ->> 'full')::boolean AS full_read, coalesce((e ->> 'reset')::boolean, false) AS reset,
      nullif(e -> 'range', 'null') AS read_range, e ->> 'traceparent' AS traceparent, position
    FROM jsonb_array_elements(slots) WITH ORDINALITY AS x (e, position)
    ORDER BY e ->> 'connectorId', e ->> 'slot', position
  ), fresh AS (
    SELECT a.*, c.dataset_id, d.department,
      c.last_number + row_number() OVER (PARTITION BY a.connector_id ORDER BY a.position) AS number
    FROM asked a JOIN connector c ON c.id = a.connector_id AND c.deleted_at IS NULL JOIN dataset d ON d.id = c.dataset_id
    WHERE NOT EXISTS (SELECT 1 FROM sync s WHERE s.connector_id = a.connector_id AND s.slot = a.slot)
  ), inserted AS (
    INSERT INTO sync (id, connector_id, dataset_id, department, slot, number, full_read, reset, read_range,
      traceparent)
    SELECT id, connector_id, dataset_id, department, slot, number, full_read, reset, read_range, traceparent FROM fresh ORDER BY position
    RETURNING id, connector_id, number
  ), counted AS (
    UPDATE connector c SET last_number = i.number
    FROM (SELECT connector_id, max(number) AS number FROM inserted GROUP BY connector_id) i WHERE c.id = i.connector_id
  )
  SELECT array_agg(id) INTO claimed FROM inserted;
  PERFORM audit_append(coalesce(slots #>> '{0,by}', 'service:connector'), 'sync.request', 'Connector/' || c.name,
      jsonb_strip_nulls(jsonb_build_object('sync', s.id, 'full', s.full_read, 'reset', s.reset, 'range', s.read_range)))
    FROM sync s JOIN connector c ON c.id = s.connector_id
    WHERE s.id = ANY (claimed) AND (s.full_read OR s.reset OR s.read_range IS NOT NULL);
  PERFORM pg_notify('songhua_syncs', '');
  RETURN QUERY
    SELECT sync_json(s) FROM jsonb_array_elements(slots) WITH ORDINALITY AS x (e, position)
    JOIN sync s ON s.connector_id = e ->> 'connectorId' AND s.slot = e ->> 'slot' ORDER BY position;
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

-- As before, but for the clocks.
CREATE OR REPLACE FUNCTION sync_finish(holder text, results jsonb) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY
  WITH result AS (
    SELECT e ->> 'id' AS id, (e ->> 'attempt')::integer AS attempt, e ->> 'state' AS state, (e ->> 'rows')::bigint AS rows,
      (e ->> 'rejected')::bigint AS rejected, (e ->> 'bytes')::bigint AS bytes,
      nullif(e -> 'reason', 'null') AS reason, nullif(e -> 'validators', 'null') AS validators
    FROM jsonb_array_elements(results) e
  ), ended AS (
    UPDATE sync s SET state = r.state, rows = r.rows, rejected = r.rejected, bytes = r.bytes, reason = r.reason,
      owner = NULL, lease_until = NULL, ended_at = clock_timestamp()
    FROM result r
    WHERE s.id = r.id AND s.state = 'reading' AND s.owner = holder AND s.attempt = r.attempt
    RETURNING s.id, s.connector_id, s.state, s.base_number, s.started_at, s.read_range, r.validators
  ), checked AS (
    UPDATE connector c SET
      checked_at = greatest(c.checked_at, e.started_at),
      validators = coalesce(e.validators, c.validators),
      validators_base = CASE WHEN e.validators IS NULL THEN c.validators_base ELSE e.base_number END
    FROM ended e WHERE c.id = e.connector_id AND e.state = 'unchanged' AND e.read_range IS NULL
  )
  SELECT id FROM ended;
END $$;

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
      source_changed_at = coalesce((m #>> '{source,changedAt}')::timestamptz, p.source_changed_at)
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
      source_changed_at = coalesce((effects ->> 'sourceChangedAt')::timestamptz, p.source_changed_at)
    WHERE p.dataset_id = s.dataset_id AND p.number = coalesce((outcome ->> 'version')::integer, p.number);
    IF NOT FOUND THEN
      RAISE EXCEPTION 'dataset % moved on while its sync was compared', outcome ->> 'dataset' USING ERRCODE = 'SH409';
    END IF;
    IF effects -> 'cursor' <> 'null' THEN
      PERFORM cursor_advance(s, effects -> 'cursor');
    END IF;
  END IF;
END $$;
