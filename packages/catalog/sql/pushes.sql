-- What is known of each push (`ingest.standing`), apart from the syncs that read it, each of which reads all that wait:
-- NULL: nothing yet. `proven`: a read that it was part of came to a version or to a person. `apart`: a read of several failed, and it is not
-- known of which; it is read as the last of its read. `refused`: it is for its department to mend, and is not read any more.

-- The number of the last push that is published.
CREATE OR REPLACE FUNCTION push_position(cursor jsonb) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN jsonb_typeof(cursor -> 'number') = 'number' THEN (cursor ->> 'number')::integer ELSE 0 END
$$;

-- Neither published, nor for its department to mend. `s`: its own sync.
CREATE OR REPLACE FUNCTION push_is_pending(i ingest, s sync, published integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT sync_is_open(s.state) OR (s.number > coalesce(published, 0) AND i.standing IS DISTINCT FROM 'refused')
$$;

-- The sync that reads what `s` leaves: one that waits already, or a new one. It has no push of its own. NULL: the connector does not run.
CREATE OR REPLACE FUNCTION push_follow(s sync) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  follower text := (SELECT q.id FROM sync q WHERE q.connector_id = s.connector_id AND q.state = 'queued' AND q.slot LIKE 'push:%'
    AND q.number > s.number
    ORDER BY q.number LIMIT 1);
  c connector;
  at text;
BEGIN
  IF follower IS NULL THEN
    SELECT * INTO c FROM connector x WHERE x.id = s.connector_id FOR UPDATE;
    at := 'push:' || (c.last_number + 1);
    SELECT e ->> 'id' INTO follower FROM sync_enqueue(jsonb_build_array(jsonb_build_object(
      -- As every id of a sync follows from its connector and slot.
      'id', 'sy_' || left(encode(sha256(convert_to(format('%s:%s;%s:%s;', length(c.name), c.name, length(at), at), 'UTF8')), 'hex'), 24),
      'connectorId', c.id, 'slot', at, 'full', false, 'traceparent', '00-' || replace(gen_random_uuid()::text, '-', '') || '-'
        || right(replace(gen_random_uuid()::text, '-', ''), 16) || '-01'))) e;
  END IF;
  RETURN follower;
END $$;

-- Why a sync ends that has no verdict of its own.
CREATE OR REPLACE FUNCTION push_handed_on(follower text, why text) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
  SELECT jsonb_strip_nulls(jsonb_build_object('code', 'push.handed-on', 'actor', 'platform', 'retryable', false, 'by', follower,
    'message', why || coalesce('; sync ' || follower || ' goes on with them', '; the next sync goes on with them')))
$$;

-- Notes what the claim `attempt` of a sync reads. False: it is not its turn any more; so also where its own push cannot be among them, and a
-- later sync reads it.
CREATE OR REPLACE FUNCTION ingest_reading(of_sync text, claim integer, numbers integer[]) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  s sync;
BEGIN
  SELECT * INTO s FROM sync x WHERE x.id = of_sync AND x.attempt = claim AND x.state = 'reading' FOR UPDATE;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  IF NOT s.number = ANY (numbers) AND EXISTS (SELECT 1 FROM ingest i WHERE i.sync_id = s.id) THEN
    UPDATE sync SET state = 'superseded', owner = NULL, lease_until = NULL, trouble = NULL, read_at = clock_timestamp(),
      ended_at = clock_timestamp(), reason = push_handed_on(push_follow(s), 'what was pushed before comes first, and could not be read together with it') WHERE id = s.id;
    RETURN false;
  END IF;
  UPDATE sync SET pushes = numbers WHERE id = s.id;
  RETURN true;
END $$;

-- Whether pushes wait that no sync will read by itself: their own ended, and nothing that is under way has them.
CREATE OR REPLACE FUNCTION push_left(s sync) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT (SELECT c.mode <> 'full' FROM connector c WHERE c.id = s.connector_id)
    AND NOT EXISTS (SELECT 1 FROM sync q WHERE q.connector_id = s.connector_id AND q.state IN ('queued', 'reading') AND q.purpose = 'read'
      AND q.id <> s.id)
    AND EXISTS (SELECT 1 FROM ingest i JOIN sync p ON p.id = i.sync_id LEFT JOIN connector_cursor k ON k.connector_id = i.connector_id
      WHERE i.connector_id = s.connector_id AND i.standing IS DISTINCT FROM 'refused' AND p.number > push_position(k.cursor)
        AND (p.id = s.id OR NOT sync_is_open(p.state))
        AND NOT (s.state IN ('published', 'unchanged', 'held') AND p.number = ANY (coalesce(s.pushes, '{}')))
        AND NOT EXISTS (SELECT 1 FROM sync h WHERE h.connector_id = s.connector_id AND h.id <> s.id
          AND h.state IN ('delivered', 'landed', 'refreshing', 'held') AND p.number = ANY (h.pushes)))
$$;

-- What the outcome of a sync says of the pushes that it read. A person who refuses has seen all of them. A read of several that failed says
-- nothing of any one: each is then read as the last of its read, after what is proven, until it is known; meanwhile their syncs have not failed.
CREATE OR REPLACE FUNCTION push_judged() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  code text := coalesce(NEW.reason ->> 'code', '');
  refused integer[] := '{}';
  waiting integer[];
  unproven integer[];
  mixed boolean;
  learnt boolean := NEW.state IN ('published', 'unchanged');
BEGIN
  -- `mixed`: with what is known to be bad, or what was published before.
  SELECT coalesce(array_agg(p.number) FILTER (WHERE open), '{}'),
    coalesce(array_agg(p.number) FILTER (WHERE open AND i.standing IS DISTINCT FROM 'proven'), '{}'), coalesce(bool_or(NOT open), false)
  INTO waiting, unproven, mixed
  FROM ingest i JOIN sync p ON p.id = i.sync_id LEFT JOIN connector_cursor k ON k.connector_id = i.connector_id
    CROSS JOIN LATERAL (SELECT i.standing IS DISTINCT FROM 'refused' AND p.number > push_position(k.cursor)) o (open)
  WHERE i.connector_id = NEW.connector_id AND p.number = ANY (NEW.pushes);
  IF NEW.state <> 'failed' THEN
    learnt := learnt OR cardinality(unproven) > 0;
    UPDATE ingest i SET standing = 'proven' FROM sync p
      WHERE p.id = i.sync_id AND i.connector_id = NEW.connector_id AND p.number = ANY (NEW.pushes) AND i.standing IS DISTINCT FROM 'refused';
  ELSIF code IN ('sync.cancelled', 'connector.deleted', 'connector.retired') THEN
    refused := ARRAY[NEW.number];
  ELSIF code = 'hold.rejected' THEN
    refused := waiting;
  ELSIF NEW.reason ->> 'actor' = 'department' AND cardinality(waiting) > 0 THEN
    IF cardinality(unproven) = 0 THEN
      unproven := waiting;
    END IF;
    IF cardinality(unproven) = 1 AND NOT mixed THEN
      refused := unproven;
    ELSE
      UPDATE ingest i SET standing = 'apart' FROM sync p
        WHERE p.id = i.sync_id AND i.connector_id = NEW.connector_id AND p.number = ANY (unproven);
      NEW.state := 'superseded';
      NEW.reason := push_handed_on(push_follow(NEW), format('%s pushes were read together, and of which this is so is not known: %s: %s',
        cardinality(NEW.pushes), code, NEW.reason ->> 'message'));
    END IF;
  END IF;
  IF cardinality(refused) > 0 THEN
    UPDATE ingest i SET standing = 'refused' FROM sync p
      WHERE p.id = i.sync_id AND i.connector_id = NEW.connector_id AND p.number = ANY (refused);
    learnt := true;
  END IF;
  IF learnt AND code NOT IN ('connector.deleted', 'connector.retired') AND NEW.state <> 'superseded' AND push_left(NEW) THEN
    PERFORM push_follow(NEW);
  END IF;
  RETURN NEW;
END $$;

CREATE OR REPLACE TRIGGER push_judged BEFORE UPDATE OF state ON sync FOR EACH ROW
  WHEN (NEW.purpose = 'read' AND NEW.state <> OLD.state AND (NEW.state = 'failed'
    OR (NEW.pushes IS NOT NULL AND NEW.state IN ('published', 'unchanged', 'held'))))
  EXECUTE FUNCTION push_judged();
