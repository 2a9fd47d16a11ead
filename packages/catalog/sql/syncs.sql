-- What callers see of a sync: one JSON object, so that numbers and times arrive in one form.
CREATE OR REPLACE FUNCTION sync_json(s sync) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT to_jsonb(s) - 'full_read' - 'base_number' - 'read_range' - 'landing_removed_at' - 'pushes' || jsonb_build_object(
    'full', s.full_read, 'range', s.read_range, 'connector', c.name::text, 'dataset', d.name::text)
  FROM connector c JOIN dataset d ON d.id = s.dataset_id WHERE c.id = s.connector_id
$$;

-- A sync, locked to the end of the transaction: every step of its way begins so. SH404: the catalog does not know it.
CREATE OR REPLACE FUNCTION sync_locked(asked text) RETURNS sync LANGUAGE plpgsql AS $$
DECLARE
  s sync;
BEGIN
  SELECT * INTO s FROM sync WHERE id = asked FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'sync % is not in the catalog', asked USING ERRCODE = 'SH404';
  END IF;
  RETURN s;
END $$;

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
    INSERT INTO sync (id, connector_id, dataset_id, department, slot, number, full_read, reset, read_range, purpose, traceparent)
    SELECT id, connector_id, dataset_id, department, slot, number, full_read, reset, read_range,
      CASE WHEN read_range IS NULL THEN 'read' ELSE 'backfill' END, traceparent
    FROM fresh ORDER BY position
    RETURNING id, connector_id, number
  ), counted AS (
    UPDATE connector c SET last_number = i.number
    FROM (SELECT connector_id, max(number) AS number FROM inserted GROUP BY connector_id) i WHERE c.id = i.connector_id
  )
  SELECT array_agg(id) INTO claimed FROM inserted;
  PERFORM sync_replace_waiting(ARRAY(SELECT DISTINCT s.connector_id FROM sync s WHERE s.id = ANY (claimed) AND s.slot < 'a'));
  PERFORM audit_append(coalesce(slots #>> '{0,by}', 'service:connector'), 'sync.request', 'Connector/' || c.name,
      jsonb_strip_nulls(jsonb_build_object('sync', s.id, 'full', s.full_read, 'reset', s.reset, 'range', s.read_range)))
    FROM sync s JOIN connector c ON c.id = s.connector_id
    WHERE s.id = ANY (claimed) AND (s.full_read OR s.reset OR s.read_range IS NOT NULL);
  PERFORM pg_notify('songhua_syncs', '');
  RETURN QUERY
    SELECT sync_json(s) FROM jsonb_array_elements(slots) WITH ORDINALITY AS x (e, position)
    JOIN sync s ON s.connector_id = e ->> 'connectorId' AND s.slot = e ->> 'slot' ORDER BY position;
END $$;

-- Of several slots of a schedule that wait, the newest asks for all that the others did: they end, and it takes their place among what waits. What a
-- process began to read already keeps its own, with what it counts of crashes and losses.
CREATE OR REPLACE FUNCTION sync_replace_waiting(connectors text[]) RETURNS void LANGUAGE sql AS $$
  WITH waiting AS (
    -- Instants begin with a digit, all other slots with a letter.
    SELECT s.id, min(s.queued_at) OVER of_connector AS since, first_value(s.id) OVER of_connector AS newest
    FROM sync s WHERE s.connector_id = ANY (connectors) AND s.state = 'queued' AND s.started_at IS NULL AND s.slot < 'a'
    WINDOW of_connector AS (PARTITION BY s.connector_id ORDER BY s.number DESC ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
  )
  UPDATE sync s SET queued_at = CASE WHEN s.id = w.newest THEN w.since ELSE s.queued_at END,
    state = CASE WHEN s.id = w.newest THEN s.state ELSE 'superseded' END,
    ended_at = CASE WHEN s.id <> w.newest THEN clock_timestamp() END,
    reason = CASE WHEN s.id <> w.newest THEN jsonb_build_object('code', 'sync.replaced', 'actor', 'platform', 'retryable', false, 'by', w.newest,
      'message', 'it still waited when the next slot came due; sync ' || w.newest || ' reads the source for both') END
  FROM waiting w WHERE s.id = w.id AND s.state = 'queued' AND s.started_at IS NULL AND EXISTS (SELECT 1 FROM waiting o WHERE o.newest = w.newest AND o.id <> w.newest)
$$;

-- Gives `taker` up to `most` queued syncs: departments with the fewest running first, then the oldest; of a connector only the
-- lowest number, and none while another is read. The taker begins the first `now` of them at once; the others it takes ahead.
CREATE OR REPLACE FUNCTION sync_take(taker text, most integer, now integer, lease_seconds double precision)
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
  ), placed AS (
    SELECT k.*, row_number() OVER (ORDER BY k.turn, k.queued_at, k.id) AS place FROM ranked k
  ), taken AS (
    UPDATE sync s SET state = 'reading', owner = taker, started_at = clock_timestamp(), begun = k.place <= now, pushes = NULL,
      lease_until = clock_timestamp() + make_interval(secs => lease_seconds),
      base_number = coalesce((SELECT c.number FROM connector_cursor c WHERE c.connector_id = s.connector_id), 0)
    FROM placed k WHERE s.id = k.id
    RETURNING s AS claimed, k.place
  )
  SELECT sync_json(t.claimed) FROM taken t ORDER BY t.place;
END $$;

-- Prolongs what `holder` reads, with how far it came. `reads`: [{id, begun, rows, bytes, activeAt?, trouble?}]. Answers the ids that it still
-- holds.
CREATE OR REPLACE FUNCTION sync_renew(holder text, reads jsonb, lease_seconds double precision) RETURNS SETOF text LANGUAGE sql AS $$
  UPDATE sync s SET lease_until = clock_timestamp() + make_interval(secs => lease_seconds),
    begun = s.begun OR (e ->> 'begun')::boolean, rows = (e ->> 'rows')::bigint, bytes = (e ->> 'bytes')::bigint,
    active_at = coalesce((e ->> 'activeAt')::timestamptz, s.active_at), trouble = nullif(e -> 'trouble', 'null')
  FROM jsonb_array_elements(reads) e
  WHERE s.id = e ->> 'id' AND s.owner = holder AND s.state = 'reading'
  RETURNING s.id
$$;

-- Puts a sync back into the queue for another attempt, which counts more on the wire than everything of this one.
CREATE OR REPLACE FUNCTION sync_requeue(s sync, why jsonb) RETURNS void LANGUAGE sql AS $$
  UPDATE sync SET state = 'queued', attempt = s.attempt + 1, owner = NULL, lease_until = NULL, begun = false, read_at = NULL,
    rows = 0, rejected = 0, bytes = 0,
    trouble = CASE WHEN why IS NOT NULL THEN jsonb_build_object('reason', why, 'tries', s.attempt, 'at', clock_timestamp()) ELSE s.trouble END
  WHERE id = s.id
$$;

-- Ends a sync that has no way on.
CREATE OR REPLACE FUNCTION sync_fail(s sync, why jsonb) RETURNS void LANGUAGE sql AS $$
  UPDATE sync SET state = 'failed', reason = why, owner = NULL, lease_until = NULL, trouble = NULL,
    read_at = coalesce(read_at, clock_timestamp()), ended_at = clock_timestamp()
  WHERE id = s.id
$$;

-- A replica that stops gives back what it reads: nothing is held against the source, whose reading was not what ended.
CREATE OR REPLACE FUNCTION sync_give_back(holder text, ids text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM sync_requeue(s, NULL) FROM sync s WHERE s.id = ANY (ids) AND s.state = 'reading' AND s.owner = holder;
  PERFORM pg_notify('songhua_syncs', '');
END $$;

-- Ends reads that `holder` still holds. `results`: [{id, attempt, state, rows, rejected, bytes, reason?, validators?}]. One that landed before
-- its reader could say so has ended as well. "Unchanged" holds against the state that it was compared with: where a version was published
-- meanwhile, the source is read again against that one, and nothing has ended. Each time takes a sync that was read before it, and none is
-- read while it waits, so it comes to an end.
CREATE OR REPLACE FUNCTION sync_finish(holder text, results jsonb) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  ended text[];
  outdated text[];
BEGIN
  -- A publish that is under way is waited for; one that comes later finds what is settled here.
  PERFORM 1 FROM connector_cursor k WHERE k.connector_id IN (SELECT s.connector_id FROM jsonb_array_elements(results) e
    JOIN sync s ON s.id = e ->> 'id' WHERE e ->> 'state' = 'unchanged') ORDER BY k.connector_id FOR UPDATE;
  outdated := ARRAY(SELECT s.id FROM jsonb_array_elements(results) e JOIN sync s ON s.id = e ->> 'id'
      JOIN connector_cursor k ON k.connector_id = s.connector_id
    WHERE e ->> 'state' = 'unchanged' AND s.state = 'reading' AND s.owner = holder AND s.attempt = (e ->> 'attempt')::integer
      AND s.purpose = 'read' AND k.number <> s.base_number FOR UPDATE OF s);
  IF cardinality(outdated) > 0 THEN
    PERFORM sync_requeue(s, NULL) FROM sync s WHERE s.id = ANY (outdated);
    PERFORM pg_notify('songhua_syncs', '');
  END IF;
  WITH result AS (
    SELECT e ->> 'id' AS id, (e ->> 'attempt')::integer AS attempt, e ->> 'state' AS state, (e ->> 'rows')::bigint AS rows,
      (e ->> 'rejected')::bigint AS rejected, (e ->> 'bytes')::bigint AS bytes,
      nullif(e -> 'reason', 'null') AS reason, nullif(e -> 'validators', 'null') AS validators
    FROM jsonb_array_elements(results) e
  ), written AS (
    UPDATE sync s SET state = r.state, rows = r.rows, rejected = r.rejected, bytes = r.bytes, reason = r.reason, trouble = NULL,
      owner = NULL, lease_until = NULL, read_at = clock_timestamp(), touched_at = clock_timestamp(),
      ended_at = CASE WHEN r.state <> 'delivered' THEN clock_timestamp() END
    FROM result r
    WHERE s.id = r.id AND s.state = 'reading' AND s.owner = holder AND s.attempt = r.attempt
    RETURNING s.id, s.connector_id, s.state, s.purpose, s.base_number, s.started_at, r.validators
  ), checked AS (
    UPDATE connector c SET
      checked_at = greatest(c.checked_at, w.started_at),
      validators = coalesce(w.validators, c.validators),
      validators_base = CASE WHEN w.validators IS NULL THEN c.validators_base ELSE w.base_number END
    FROM written w WHERE c.id = w.connector_id AND w.state = 'unchanged' AND w.purpose = 'read'
  )
  SELECT array_agg(id) INTO ended FROM written;
  PERFORM sync_settle(s) FROM sync s WHERE s.id = ANY (ended) AND s.state = 'unchanged';
  RETURN QUERY
    SELECT unnest(ended)
    UNION
    SELECT s.id FROM jsonb_array_elements(results) e JOIN sync s ON s.id = e ->> 'id'
    WHERE e ->> 'state' = 'delivered' AND s.attempt = (e ->> 'attempt')::integer AND s.landing_key IS NOT NULL;
END $$;

-- Reads whose lease ran out: those that landed whole went on already; others are read again, or fail when `most` processes ended with them.
-- What was only taken ahead had no part in the end of its process.
CREATE OR REPLACE FUNCTION sync_recover(most integer, failure jsonb) RETURNS TABLE (id text, state text) LANGUAGE plpgsql AS $$
DECLARE
  s sync;
BEGIN
  FOR s IN SELECT * FROM sync x WHERE x.state = 'reading' AND x.lease_until < clock_timestamp() ORDER BY x.id FOR UPDATE SKIP LOCKED LOOP
    IF s.begun THEN
      UPDATE sync x SET crashes = x.crashes + 1 WHERE x.id = s.id;
    END IF;
    IF s.begun AND s.crashes + 1 >= most THEN
      PERFORM sync_fail(s, failure);
    ELSE
      PERFORM sync_requeue(s, NULL);
    END IF;
    id := s.id;
    state := CASE WHEN s.begun AND s.crashes + 1 >= most THEN 'failed' ELSE 'queued' END;
    RETURN NEXT;
  END LOOP;
END $$;

-- Ends a sync that waits or is read, for the reason that somebody gives; whoever reads it finds its lease gone. `facts`: {reason, by, actor}.
-- NULL: it is neither queued nor read.
CREATE OR REPLACE FUNCTION sync_cancel(asked text, facts jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  was text;
  ended sync;
BEGIN
  SELECT state INTO was FROM sync WHERE id = asked AND state IN ('queued', 'reading') FOR UPDATE;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  PERFORM sync_fail(s, jsonb_build_object('code', 'sync.cancelled', 'message', (facts ->> 'by') || ': ' || (facts ->> 'reason'),
    'actor', facts ->> 'actor', 'retryable', false)) FROM sync s WHERE s.id = asked;
  SELECT * INTO ended FROM sync WHERE id = asked;
  PERFORM audit_append(facts ->> 'by', 'sync.cancel', 'Connector/' || (sync_json(ended) ->> 'connector'),
    jsonb_build_object('sync', asked, 'state', was, 'reason', facts ->> 'reason'));
  -- The next sync of the connector may be taken.
  PERFORM pg_notify('songhua_syncs', '');
  RETURN sync_json(ended);
END $$;
