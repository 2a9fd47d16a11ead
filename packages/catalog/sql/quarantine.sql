-- What a replay of the rejected rows of a sync works on, and why it may not be done, if so: `missing`, `unpublished`, `collected` (what
-- it read is not kept any more), `busy`, or `outdated`, when a later read of the source has taken the place of what the sync read, or began
-- anew. A replay itself is not in its own way.
CREATE OR REPLACE FUNCTION quarantine_source(asked text, replay text) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object(
    'dataset', d.name::text, 'datasetId', d.id, 'connector', c.name::text, 'connectorId', c.id, 'department', d.department::text,
    'count', q.count, 'rejected', q.key, 'cursor', coalesce(k.cursor, '{}'),
    'number', s.number,
    'problem', CASE
      WHEN coalesce(q.count, 0) = 0 OR q.key IS NULL THEN 'missing'
      WHEN s.state NOT IN ('published', 'unchanged') THEN 'unpublished'
      WHEN s.landing_removed_at IS NOT NULL THEN 'collected'
      WHEN replay IS NULL AND EXISTS (SELECT 1 FROM sync o WHERE o.connector_id = s.connector_id
        AND o.state IN ('queued', 'reading', 'delivered', 'landed', 'refreshing')) THEN 'busy'
      WHEN s.number < c.reset_number THEN 'outdated'
      WHEN c.mode <> 'append' AND EXISTS (SELECT 1 FROM sync o
        WHERE o.connector_id = s.connector_id AND o.number > s.number AND o.state = 'published'
          -- In the order of versions: a rollback takes a number before reads that are published after it.
          AND coalesce(o.version > s.version, true)
          AND NOT EXISTS (SELECT 1 FROM quarantine_replay x WHERE x.sync_id = o.id AND x.replay_of = asked)) THEN 'outdated'
      END)
  FROM sync s JOIN dataset d ON d.id = s.dataset_id JOIN connector c ON c.id = s.connector_id
    LEFT JOIN rejected_summary q ON q.sync_id = s.id
    LEFT JOIN connector_cursor k ON k.connector_id = s.connector_id
  WHERE s.id = asked
$$;

-- Opens a replay as a sync that landed already, with what the other one read. `facts`: {id, of, slot, codes?, by, traceparent}. Answers
-- `quarantine_source` with the new sync's number and the reference that its lane wants.
CREATE OR REPLACE FUNCTION quarantine_replay_open(facts jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  source jsonb;
  n integer;
  origin sync;
  reference jsonb;
BEGIN
  SELECT * INTO origin FROM sync WHERE id = facts ->> 'of';
  PERFORM 1 FROM connector WHERE id = origin.connector_id FOR UPDATE;
  source := quarantine_source(facts ->> 'of', NULL);
  IF source IS NULL OR source ->> 'problem' IS NOT NULL THEN
    RETURN source;
  END IF;
  UPDATE connector SET last_number = last_number + 1 WHERE id = origin.connector_id RETURNING last_number INTO n;
  INSERT INTO sync AS s (id, connector_id, dataset_id, department, slot, number, state, purpose, rows, bytes, started_at, read_at, landed_at,
    touched_at, landing_key, landing_attempt, traceparent)
  VALUES (facts ->> 'id', origin.connector_id, origin.dataset_id, origin.department, facts ->> 'slot', n, 'landed', 'replay', origin.rows,
    origin.bytes, clock_timestamp(), clock_timestamp(), clock_timestamp(), clock_timestamp(), origin.landing_key, 1, facts ->> 'traceparent')
  RETURNING lane_reference(s) INTO reference;
  IF NOT FOUND THEN
    RETURN source || '{"problem": "retired"}';
  END IF;
  INSERT INTO quarantine_replay (sync_id, replay_of, codes, requested_by)
  VALUES (facts ->> 'id', facts ->> 'of', nullif(facts -> 'codes', 'null'), facts ->> 'by');
  PERFORM audit_append(facts ->> 'by', 'quarantine.replay', 'Dataset/' || (source ->> 'dataset'),
    jsonb_strip_nulls(jsonb_build_object('sync', facts ->> 'id', 'of', facts ->> 'of', 'codes', facts -> 'codes')));
  RETURN source || jsonb_build_object('number', n, 'lane', reference);
END $$;

-- After `refresh_publish` or `refresh_finish` of a replay, in their transaction: what left the quarantine, and what is still in it.
-- `outcome`: {of, replayed: {count, key}, remaining: {count, byCode, groups, key}, version}.
CREATE OR REPLACE FUNCTION quarantine_replay_end(asked text, outcome jsonb) RETURNS void LANGUAGE plpgsql AS $$
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
