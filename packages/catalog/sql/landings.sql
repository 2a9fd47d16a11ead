-- Records what landed of a sync, or why it did not. `claim`: the attempt of the sync that the attempt on the wire belongs to. `facts`:
-- {attempt, traceparent?, manifest, rows, rejected, bytes, content} or {attempt, traceparent?, problem}. That every message of it is there
-- proves that it was delivered, whether or not its reader could still say so. What belongs to an attempt that was given up changes nothing. Answers {state, dispatch}:
-- whether its lane should hear of it. SH404: the catalog does not know the sync, or knows another of its slot.
CREATE OR REPLACE FUNCTION sync_land(asked text, claim integer, facts jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  s sync;
BEGIN
  s := sync_locked(asked);
  IF s.traceparent <> facts ->> 'traceparent' THEN
    RAISE EXCEPTION 'sync % was claimed anew since the catalog was restored', asked USING ERRCODE = 'SH404';
  END IF;
  IF s.state IN ('reading', 'delivered') AND s.attempt = claim THEN
    IF facts ? 'problem' THEN
      PERFORM sync_lose(s, facts -> 'problem');
    ELSE
      UPDATE sync SET state = 'landed', owner = NULL, lease_until = NULL, trouble = NULL, begun = true,
        rows = (facts ->> 'rows')::bigint, rejected = (facts ->> 'rejected')::bigint, bytes = (facts ->> 'bytes')::bigint,
        read_at = coalesce(read_at, clock_timestamp()), landed_at = clock_timestamp(), touched_at = clock_timestamp(),
        landing_key = facts ->> 'manifest', landing_attempt = (facts ->> 'attempt')::integer, content = facts ->> 'content'
      WHERE id = asked;
    END IF;
    SELECT * INTO s FROM sync WHERE id = asked;
  END IF;
  RETURN jsonb_build_object('state', s.state, 'dispatch',
    s.state IN ('landed', 'refreshing') AND s.landing_attempt = (facts ->> 'attempt')::integer);
END $$;

-- What keeps the claim of a sync from landing, while landing tries again.
CREATE OR REPLACE FUNCTION sync_landing_trouble(asked text, claim integer, claimed_trace text, why jsonb) RETURNS void LANGUAGE sql AS $$
  UPDATE sync SET trouble = jsonb_build_object('reason', why, 'tries', coalesce((trouble ->> 'tries')::integer, 0) + 1, 'at', clock_timestamp())
  WHERE id = asked AND state IN ('reading', 'delivered') AND attempt = claim AND traceparent = claimed_trace
$$;

-- Reads a sync again of which something was lost on its way, or fails it: what was lost three times will be lost again.
CREATE OR REPLACE FUNCTION sync_lose(s sync, why jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE sync SET losses = losses + 1 WHERE id = s.id;
  IF s.losses + 1 >= 3 THEN
    PERFORM sync_fail(s, why);
  ELSE
    PERFORM sync_requeue(s, why);
    PERFORM pg_notify('songhua_syncs', '');
  END IF;
END $$;

-- Syncs whose batches were acknowledged and did not land within `seconds` although a later read of their connector did, which travels the
-- same way behind them; or not within `limit_seconds` at all: the broker lost them. Not `counted`: somebody asks for them to be read again,
-- which says nothing of what will become of them. Answers what became of them.
CREATE OR REPLACE FUNCTION sync_recover_deliveries(seconds double precision, limit_seconds double precision, counted boolean, why jsonb)
RETURNS TABLE (id text, state text) LANGUAGE plpgsql AS $$
DECLARE
  s sync;
BEGIN
  FOR s IN SELECT * FROM sync x WHERE x.state = 'delivered'
      AND (x.read_at < clock_timestamp() - make_interval(secs => limit_seconds)
        OR (x.read_at < clock_timestamp() - make_interval(secs => seconds) AND (SELECT true FROM sync o
          WHERE o.connector_id = x.connector_id AND o.number > x.number AND o.read_at > x.read_at AND o.landed_at IS NOT NULL
            AND o.purpose IN ('read', 'backfill') ORDER BY o.number LIMIT 1)))
      ORDER BY x.id FOR UPDATE SKIP LOCKED LOOP
    IF counted THEN
      PERFORM sync_lose(s, why);
    ELSE
      PERFORM sync_requeue(s, why);
      PERFORM pg_notify('songhua_syncs', '');
    END IF;
    RETURN QUERY SELECT x.id, x.state FROM sync x WHERE x.id = s.id;
  END LOOP;
END $$;

-- What lanes should have been working on within `seconds` and were not: lost with the engine that kept them, or with a signal. Marks
-- them as handed over again and answers the references that their lanes want.
CREATE OR REPLACE FUNCTION sync_recover_lanes(seconds double precision, most integer) RETURNS SETOF jsonb LANGUAGE sql AS $$
  WITH idle AS (
    SELECT id FROM sync WHERE state IN ('landed', 'refreshing') AND touched_at < clock_timestamp() - make_interval(secs => seconds)
    ORDER BY touched_at, id LIMIT most FOR UPDATE SKIP LOCKED
  )
  UPDATE sync s SET touched_at = clock_timestamp() FROM idle WHERE s.id = idle.id RETURNING lane_reference(s)
$$;

-- What a lane is told of a sync: what it is, whose turn it takes and how large it is. Everything else is read here when its turn comes.
CREATE OR REPLACE FUNCTION lane_reference(s sync) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
  SELECT jsonb_build_object('sync', s.id, 'datasetId', s.dataset_id, 'attempt', s.landing_attempt, 'bytes', s.bytes)
$$;
