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

-- Gives `taker` up to `most` queued syncs: departments with the fewest running first, then the oldest; of a connector only the
-- lowest number, and none while another is read.
CREATE OR REPLACE FUNCTION sync_take(taker text, most integer, lease_seconds double precision)
RETURNS SETOF jsonb LANGUAGE plpgsql AS $$
BEGIN
  -- Takers go one after another: fairness counts what the others run.
  PERFORM pg_advisory_xact_lock(hashtext('songhua.sync.take'));
  RETURN QUERY
  WITH next_of_connector AS (
    SELECT DISTINCT ON (q.connector_id) q.id, q.connector_id, q.department, q.queued_at, q.number
    FROM sync q WHERE q.state = 'queued'
      AND NOT EXISTS (SELECT 1 FROM sync r WHERE r.connector_id = q.connector_id AND r.state = 'reading')
    ORDER BY q.connector_id, q.number
  ), running AS (
    SELECT department, count(*) AS busy FROM sync WHERE state = 'reading' GROUP BY department
  ), ranked AS (
    SELECT n.id, n.connector_id, n.queued_at, coalesce(r.busy, 0)
      + row_number() OVER (PARTITION BY n.department ORDER BY n.queued_at, n.id) AS turn
    FROM next_of_connector n LEFT JOIN running r ON r.department = n.department
    ORDER BY turn, n.queued_at, n.id LIMIT most
  ), taken AS (
    UPDATE sync s SET state = 'reading', owner = taker, started_at = clock_timestamp(),
      lease_until = clock_timestamp() + make_interval(secs => lease_seconds),
      base_number = coalesce((SELECT c.number FROM connector_cursor c WHERE c.connector_id = s.connector_id), 0)
    FROM ranked k WHERE s.id = k.id
    RETURNING s AS claimed, k.turn, k.queued_at AS oldest
  )
  SELECT sync_json(t.claimed) FROM taken t ORDER BY t.turn, t.oldest;
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

-- Syncs whose lease ran out go back to the queue, or fail when `max_attempts` are used.
CREATE OR REPLACE FUNCTION sync_recover(max_attempts integer, failure jsonb)
RETURNS TABLE (id text, state text) LANGUAGE sql AS $$
  UPDATE sync s SET
    state = CASE WHEN s.attempt >= max_attempts THEN 'failed' ELSE 'queued' END,
    reason = CASE WHEN s.attempt >= max_attempts THEN failure END,
    ended_at = CASE WHEN s.attempt >= max_attempts THEN clock_timestamp() END,
    attempt = CASE WHEN s.attempt >= max_attempts THEN s.attempt ELSE s.attempt + 1 END,
    owner = NULL, lease_until = NULL
  WHERE s.state = 'reading' AND s.lease_until < clock_timestamp()
  RETURNING s.id, s.state
$$;
