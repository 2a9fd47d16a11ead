-- What the collector asks before it removes anything, and what it changes. Each decision is made in one statement on what is so then.

CREATE OR REPLACE FUNCTION sync_is_open(state text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT state NOT IN ('published', 'unchanged', 'superseded', 'failed')
$$;

-- What syncs need of the bucket. `need`: why the landing of a sync must stay, whatever its age; NULL: nothing but age keeps it. A sync that is
-- not there needs nothing. `kept`: how many of the last reads of each connector keep theirs.
CREATE OR REPLACE FUNCTION sync_needs(asked text[], kept integer)
RETURNS TABLE (id text, open boolean, claim integer, landing_attempt integer, landed_at timestamptz, removed boolean, need text)
LANGUAGE sql STABLE AS $$
  SELECT s.id, sync_is_open(s.state), s.attempt, s.landing_attempt, s.landed_at, s.landing_removed_at IS NOT NULL,
    CASE
      WHEN sync_is_open(s.state) THEN 'open'
      WHEN EXISTS (SELECT 1 FROM sync o WHERE o.connector_id = s.connector_id AND o.landing_key = s.landing_key AND o.id <> s.id
        AND o.state IN ('landed', 'refreshing', 'held')) THEN 'used'
      -- Its own, or of a sync that made the data anew from the same landing: each is found by an index of its own.
      WHEN (SELECT q.count > 0 AND q.key IS NOT NULL FROM rejected_summary q WHERE q.sync_id = s.id)
        AND coalesce(quarantine_source(s.id, NULL) ->> 'problem', 'busy') = 'busy' THEN 'quarantine'
      WHEN EXISTS (SELECT 1 FROM sync o JOIN rejected_summary q ON q.sync_id = o.id WHERE o.connector_id = s.connector_id
        AND o.landing_key = s.landing_key AND o.id <> s.id AND q.count > 0 AND q.key IS NOT NULL
        AND coalesce(quarantine_source(o.id, NULL) ->> 'problem', 'busy') = 'busy') THEN 'quarantine'
      -- In the order of an index, so that no more than `kept` of a state are read.
      WHEN s.purpose = 'read' AND s.state IN ('published', 'unchanged') AND (SELECT count(*) FROM (
          (SELECT 1 FROM sync o WHERE o.connector_id = s.connector_id AND o.state = 'published' AND o.number > s.number
            AND o.landing_key IS NOT NULL AND o.purpose = 'read' ORDER BY o.number LIMIT kept)
          UNION ALL (SELECT 1 FROM sync o WHERE o.connector_id = s.connector_id AND o.state = 'unchanged' AND o.number > s.number
            AND o.landing_key IS NOT NULL AND o.purpose = 'read' ORDER BY o.number LIMIT kept)) later) < kept THEN 'recent'
    END
  FROM sync s WHERE s.id = ANY (asked)
$$;

-- Gives up landings of these that landed before `before` and that nothing needs, so that nothing is begun with them any more. Answers those that
-- are given up, now or before.
CREATE OR REPLACE FUNCTION landing_release(asked text[], before timestamptz, kept integer) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
  -- As a replay does first: either it is seen here, or it sees that the landing is gone.
  PERFORM 1 FROM connector c WHERE c.id IN (SELECT s.connector_id FROM sync s WHERE s.id = ANY (asked)) ORDER BY c.id FOR UPDATE;
  UPDATE sync s SET landing_removed_at = clock_timestamp() FROM sync_needs(asked, kept) n
    WHERE s.id = n.id AND n.need IS NULL AND n.landed_at < before AND s.landing_removed_at IS NULL;
  RETURN QUERY SELECT s.id FROM sync s WHERE s.id = ANY (asked) AND s.landing_removed_at IS NOT NULL;
END $$;

-- Of these objects that were pushed, those that are to be read yet, or are the last of their connector, or were pushed since `since`.
CREATE OR REPLACE FUNCTION pushes_needed(asked text[], since timestamptz) RETURNS SETOF text LANGUAGE sql STABLE AS $$
  SELECT i.object_key
  FROM ingest i JOIN sync s ON s.id = i.sync_id LEFT JOIN connector_cursor k ON k.connector_id = i.connector_id
  WHERE i.object_key = ANY (asked) AND (i.pushed_at >= since OR push_is_pending(i, s, push_position(k.cursor))
    OR (SELECT true FROM sync t WHERE t.connector_id = i.connector_id AND t.number > s.number
      AND EXISTS (SELECT 1 FROM ingest o WHERE o.sync_id = t.id) ORDER BY t.number LIMIT 1) IS NULL
    OR EXISTS (SELECT 1 FROM sync o WHERE o.connector_id = i.connector_id AND o.full_read AND o.state IN ('queued', 'reading')))
$$;

-- Whether a rollback to the version is open, which reads its files.
CREATE OR REPLACE FUNCTION version_is_wanted(of_dataset text, asked integer) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT EXISTS (SELECT 1 FROM sync s WHERE s.dataset_id = of_dataset AND s.purpose = 'rollback' AND s.rollback_to = asked
    AND sync_is_open(s.state))
$$;

-- Versions that their datasets keep no longer, as datasets declare it: never the current one, none that an open rollback goes back to, and none of a
-- dataset of which something is not announced yet.
CREATE OR REPLACE FUNCTION versions_expired(moment timestamptz, most integer)
RETURNS TABLE (dataset text, dataset_id text, number integer, identity text, bytes bigint, policy jsonb) LANGUAGE sql STABLE AS $$
  SELECT d.name::text, d.id, v.number, v.identity, v.bytes, d.spec -> 'versions'
  FROM dataset d CROSS JOIN LATERAL (SELECT x.number, x.identity, x.bytes, x.published_at FROM version x WHERE x.dataset_id = d.id
    ORDER BY x.number DESC OFFSET greatest((d.spec #>> '{versions,keep}')::integer, 1)) v
  WHERE d.spec ? 'versions'
    AND v.published_at < moment - make_interval(days => coalesce((d.spec #>> '{versions,atLeastDays}')::integer, 0))
    AND NOT EXISTS (SELECT 1 FROM version_tombstone t WHERE t.dataset_id = d.id AND t.number = v.number)
    AND NOT EXISTS (SELECT 1 FROM current_pointer p WHERE p.dataset_id = d.id AND p.number = v.number)
    AND NOT version_is_wanted(d.id, v.number)
    AND NOT EXISTS (SELECT 1 FROM outbox o JOIN relay r ON o.position > r.position
      WHERE r.name = 'versions' AND o.event #>> '{data,dataset}' = d.name::text)
  ORDER BY d.id, v.number LIMIT most
$$;

-- Puts tombstones on up to `most` of them, each beside its audit row.
CREATE OR REPLACE FUNCTION versions_expire(moment timestamptz, most integer, who text)
RETURNS TABLE (dataset text, number integer, bytes bigint, policy jsonb) LANGUAGE plpgsql AS $$
DECLARE
  v record;
BEGIN
  FOR v IN SELECT * FROM versions_expired(moment, most) LOOP
    -- Of the dataset, so that no publish moves its pointer meanwhile; a rollback may have been opened before.
    PERFORM 1 FROM current_pointer p WHERE p.dataset_id = v.dataset_id FOR UPDATE;
    CONTINUE WHEN version_is_wanted(v.dataset_id, v.number);
    INSERT INTO version_tombstone (dataset_id, number, at, by, reason)
    VALUES (v.dataset_id, v.number, moment, who, format('the dataset keeps %s versions, and each for at least %s days',
      v.policy ->> 'keep', coalesce(v.policy ->> 'atLeastDays', '0')))
    ON CONFLICT DO NOTHING;
    CONTINUE WHEN NOT FOUND;
    PERFORM set_config('songhua.collecting', 'render', true);
    DELETE FROM render r WHERE r.dataset_id = v.dataset_id AND r.number = v.number;
    PERFORM set_config('songhua.collecting', '', true);
    PERFORM audit_append(who, 'version.remove', 'Dataset/' || v.dataset,
      jsonb_build_object('version', v.number, 'identity', v.identity, 'bytes', v.bytes, 'policy', v.policy));
    dataset := v.dataset; number := v.number; bytes := v.bytes; policy := v.policy;
    RETURN NEXT;
  END LOOP;
END $$;

-- Looks at up to `most` syncs that ended before `before`, oldest first and after (`after_end`, `after_id`); `expired`: nothing refers to it: no
-- version, cursor, replay, open read of what was pushed; and a later one has followed in what is read of it: the last look, the last slot.
CREATE OR REPLACE FUNCTION syncs_expired(before timestamptz, kept integer, after_end timestamptz, after_id text, most integer)
RETURNS TABLE (id text, ended_at timestamptz, expired boolean) LANGUAGE sql STABLE AS $$
  WITH looked AS MATERIALIZED (SELECT s.* FROM sync s
    WHERE s.ended_at < before AND s.ended_at >= after_end AND (s.ended_at, s.id) > (after_end, after_id)
    ORDER BY s.ended_at, s.id LIMIT most)
  SELECT s.id, s.ended_at, n.need IS NULL
    AND NOT EXISTS (SELECT 1 FROM version v WHERE v.sync_id = s.id)
    AND NOT EXISTS (SELECT 1 FROM connector_cursor k WHERE k.connector_id = s.connector_id AND k.sync_id = s.id)
    AND NOT EXISTS (SELECT 1 FROM quarantine_replay r WHERE r.replay_of = s.id)
    -- In their order, so that the next ones are looked at and not all.
    AND (SELECT true FROM sync o WHERE o.connector_id = s.connector_id AND o.number > s.number AND o.purpose = 'read'
      AND o.state IN ('published', 'unchanged', 'held', 'failed') AND coalesce(o.reason ->> 'code', '') <> 'sync.cancelled'
      ORDER BY o.number LIMIT 1) IS NOT NULL
    -- Slots of a schedule are instants and begin with a digit, all others with a letter.
    AND (s.slot >= 'a' OR (SELECT true FROM sync o WHERE o.connector_id = s.connector_id AND o.number > s.number AND o.slot < 'a'
      ORDER BY o.number LIMIT 1) IS NOT NULL)
    -- What says that a rollback is settled stays as long as that.
    AND NOT (s.full_read AND s.state = 'unchanged' AND EXISTS (SELECT 1 FROM sync r WHERE r.dataset_id = s.dataset_id
      AND r.purpose = 'rollback' AND r.state = 'published' AND s.version >= r.version))
    AND NOT coalesce((SELECT push_is_pending(i, own, push_position(k.cursor)) FROM ingest i JOIN sync own ON own.id = i.sync_id
      LEFT JOIN connector_cursor k ON k.connector_id = i.connector_id WHERE i.sync_id = s.id), false)
  FROM looked s JOIN sync_needs(ARRAY(SELECT l.id FROM looked l), kept) n ON n.id = s.id
$$;

-- Removes those of them that are expired. Answers how many, how many it looked at, and the last of those.
CREATE OR REPLACE FUNCTION syncs_trim(before timestamptz, kept integer, after_end timestamptz, after_id text, most integer)
RETURNS TABLE (removed bigint, looked bigint, last_end timestamptz, last_id text) LANGUAGE plpgsql AS $$
DECLARE
  gone text[];
BEGIN
  SELECT coalesce(array_agg(e.id) FILTER (WHERE e.expired), '{}'), count(*), max(e.ended_at),
    (array_agg(e.id ORDER BY e.ended_at DESC, e.id DESC))[1]
  INTO gone, looked, last_end, last_id FROM syncs_expired(before, kept, after_end, after_id, most) e;
  PERFORM 1 FROM connector c WHERE c.id IN (SELECT s.connector_id FROM sync s WHERE s.id = ANY (gone)) ORDER BY c.id FOR UPDATE;
  -- A replay that was opened meanwhile refers to its sync.
  gone := ARRAY(SELECT g FROM unnest(gone) g WHERE NOT EXISTS (SELECT 1 FROM quarantine_replay r WHERE r.replay_of = g));
  DELETE FROM rejected_summary q WHERE q.sync_id = ANY (gone);
  DELETE FROM hold_decision h WHERE h.sync_id = ANY (gone);
  DELETE FROM quarantine_replay r WHERE r.sync_id = ANY (gone);
  DELETE FROM ingest i WHERE i.sync_id = ANY (gone);
  DELETE FROM sync s WHERE s.id = ANY (gone);
  removed := cardinality(gone);
  RETURN NEXT;
END $$;

-- Up to `most` syncs with rejected rows older than `before`: their counts and reasons stay, the rows themselves are not kept any more.
CREATE OR REPLACE FUNCTION rejected_expired(before timestamptz, most integer) RETURNS SETOF text LANGUAGE sql STABLE AS $$
  SELECT q.sync_id FROM rejected_summary q JOIN sync s ON s.id = q.sync_id
  WHERE q.key IS NOT NULL AND q.recorded_at < before AND NOT sync_is_open(s.state)
    AND NOT EXISTS (SELECT 1 FROM quarantine_replay r JOIN sync o ON o.id = r.sync_id WHERE r.replay_of = q.sync_id AND sync_is_open(o.state))
  ORDER BY q.recorded_at LIMIT most
$$;

CREATE OR REPLACE FUNCTION rejected_trim(before timestamptz, most integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  gone text[] := ARRAY(SELECT rejected_expired(before, most));
BEGIN
  PERFORM 1 FROM connector c WHERE c.id IN (SELECT s.connector_id FROM sync s WHERE s.id = ANY (gone)) ORDER BY c.id FOR UPDATE;
  -- A replay that was opened meanwhile reads them.
  gone := ARRAY(SELECT g FROM unnest(gone) g WHERE NOT EXISTS (SELECT 1 FROM quarantine_replay r JOIN sync o ON o.id = r.sync_id
    WHERE r.replay_of = g AND sync_is_open(o.state)));
  UPDATE rejected_summary SET key = NULL WHERE sync_id = ANY (gone);
  UPDATE quarantine_replay SET key = NULL WHERE key IS NOT NULL AND (replay_of = ANY (gone) OR ended_at < before);
  RETURN cardinality(gone);
END $$;

-- Of the first `most` events after `after`, the last position that is announced and older than `before`, and how many go up to it.
CREATE OR REPLACE FUNCTION outbox_expired(before timestamptz, after bigint, most integer)
RETURNS TABLE (upto bigint, events bigint) LANGUAGE sql STABLE AS $$
  WITH looked AS MATERIALIZED (SELECT o.position, o.created_at FROM outbox o WHERE o.position > after ORDER BY o.position LIMIT most),
    last AS (SELECT max(l.position) AS position FROM looked l JOIN relay r ON r.name = 'versions' AND l.position <= r.position
      WHERE l.created_at < before)
  SELECT last.position, (SELECT count(*) FROM looked l WHERE l.position <= last.position) FROM last
$$;

CREATE OR REPLACE FUNCTION outbox_trim(before timestamptz, most integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  last bigint := (SELECT e.upto FROM outbox_expired(before, 0, most) e);
  removed bigint;
BEGIN
  IF last IS NULL THEN
    RETURN 0;
  END IF;
  INSERT INTO log_cut (log, position) VALUES ('outbox', last)
  ON CONFLICT (log) DO UPDATE SET position = excluded.position, at = clock_timestamp();
  PERFORM set_config('songhua.collecting', 'outbox', true);
  DELETE FROM outbox WHERE position <= last;
  GET DIAGNOSTICS removed = ROW_COUNT;
  PERFORM set_config('songhua.collecting', '', true);
  RETURN removed;
END $$;

-- Cuts the audit log behind a row that was noted elsewhere with this hash, beside a row that says so; the rows before it go with `audit_trim`.
-- Nothing, unless the row is as it was noted and the log begins before it.
CREATE OR REPLACE FUNCTION audit_cut(upto bigint, noted bytea, who text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  PERFORM record_lock();
  IF NOT EXISTS (SELECT 1 FROM audit a WHERE a.sequence = upto AND a.hash = noted)
    OR EXISTS (SELECT 1 FROM log_cut c WHERE c.log = 'audit' AND c.position >= upto) THEN
    RETURN false;
  END IF;
  PERFORM audit_append(who, 'audit.cut', 'Audit', jsonb_build_object('sequence', upto, 'hash', encode(noted, 'hex')));
  INSERT INTO log_cut (log, position, hash) VALUES ('audit', upto, noted)
  ON CONFLICT (log) DO UPDATE SET position = excluded.position, hash = excluded.hash, at = clock_timestamp();
  RETURN true;
END $$;

-- Removes up to `most` rows that lie behind the cut, oldest first. Nobody who writes to the log waits for it.
CREATE OR REPLACE FUNCTION audit_trim(most integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  removed bigint;
BEGIN
  PERFORM set_config('songhua.collecting', 'audit', true);
  DELETE FROM audit WHERE sequence IN (SELECT a.sequence FROM audit a
    WHERE a.sequence <= (SELECT c.position FROM log_cut c WHERE c.log = 'audit') ORDER BY a.sequence LIMIT most);
  GET DIAGNOSTICS removed = ROW_COUNT;
  PERFORM set_config('songhua.collecting', '', true);
  RETURN removed;
END $$;

-- Seconds to wait after the last of the runs that failed one after another: ten minutes, and twice as long after each, up to `most`. One that was
-- stopped with its process did not fail.
CREATE OR REPLACE FUNCTION collection_wait(most double precision) RETURNS double precision LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN count(*) = 0 THEN 0 ELSE least(most, 600 * 2 ^ least(count(*) - 1, 20)) END
  FROM collection c WHERE NOT c.dry_run AND c.problem ->> 'code' <> 'collection.stopped'
    AND c.id > coalesce((SELECT max(x.id) FROM collection x WHERE NOT x.dry_run AND x.ended_at IS NOT NULL AND x.problem IS NULL), 0)
$$;

-- Begins a run of the collector. NULL: one is running, a backup is being made, or, with `every_seconds`, none is due.
CREATE OR REPLACE FUNCTION collection_begin(dry boolean, who text, lease_seconds double precision, every_seconds double precision, blank jsonb)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  begun bigint;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('songhua.collection'));
  UPDATE collection SET ended_at = clock_timestamp(), problem = jsonb_build_object('code', 'collection.abandoned',
      'message', 'the process that collected stopped; what it had not removed yet goes with the next run')
    WHERE ended_at IS NULL AND lease_until < clock_timestamp();
  IF EXISTS (SELECT 1 FROM collection c WHERE c.ended_at IS NULL) OR EXISTS (SELECT 1 FROM collection c
      WHERE NOT c.dry_run AND c.problem IS NULL AND c.started_at > clock_timestamp() - make_interval(secs => every_seconds)) THEN
    RETURN NULL;
  END IF;
  IF EXISTS (SELECT 1 FROM collection c WHERE NOT c.dry_run AND c.problem ->> 'code' <> 'collection.stopped'
      AND c.ended_at > clock_timestamp() - make_interval(secs => collection_wait(every_seconds))) THEN
    RETURN NULL;
  END IF;
  -- Whoever makes a backup holds it until every object is copied.
  IF NOT dry AND NOT pg_try_advisory_xact_lock(hashtext('songhua.gc')) THEN
    RETURN NULL;
  END IF;
  DELETE FROM collection c WHERE c.id <= (SELECT max(x.id) FROM collection x) - 50;
  INSERT INTO collection (dry_run, by, lease_until, report)
  VALUES (dry, who, clock_timestamp() + make_interval(secs => lease_seconds), blank) RETURNING id INTO begun;
  RETURN begun;
END $$;
