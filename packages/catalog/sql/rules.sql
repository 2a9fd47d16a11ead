-- The read whose rows are the whole of what is served: the newest that came so far, of a connector that reads everything each time. Of the
-- others the landings have parts only.
CREATE OR REPLACE FUNCTION rules_landing(of_connector text) RETURNS sync LANGUAGE sql STABLE AS $$
  SELECT s FROM sync s JOIN connector c ON c.id = s.connector_id
  WHERE s.connector_id = of_connector AND c.mode = 'full' AND s.purpose = 'read' AND s.landing_key IS NOT NULL
    AND s.state IN ('published', 'unchanged')
  ORDER BY s.number DESC LIMIT 1
$$;

-- What datasets can be made anew of when their rules change; of several connectors the one that made what is served, which cannot make what
-- the others brought: `beside` names all of them, unless each brings everything.
CREATE OR REPLACE FUNCTION rules_sources(names text[]) RETURNS SETOF jsonb LANGUAGE sql STABLE AS $$
  SELECT DISTINCT ON (d.id) jsonb_build_object('dataset', d.name::text, 'connectorId', c.id, 'connector', c.name::text,
    'kind', c.kind, 'mode', c.mode, 'beside', (SELECT jsonb_agg(o.name ORDER BY o.name COLLATE "C") FROM connector o
      WHERE o.dataset_id = d.id AND o.deleted_at IS NULL AND o.halt IS DISTINCT FROM 'retired'
      HAVING count(*) > 1 AND bool_or(o.mode <> 'full')), 'approved', coalesce(c.approved_revision IS NOT NULL, false),
    -- What is being refreshed by the rules of before will be served soon.
    'served', v.number IS NOT NULL OR EXISTS (SELECT 1 FROM sync r WHERE r.dataset_id = d.id AND r.state = 'refreshing'),
    'held', (v.number IS NULL OR c.mode = 'full')
      AND EXISTS (SELECT 1 FROM sync h WHERE h.connector_id = c.id AND h.state = 'held' AND h.purpose = 'read'),
    'landing', CASE WHEN (l).landing_removed_at IS NULL THEN (l).landing_key END, 'landedAt', (l).landed_at)
  FROM dataset d LEFT JOIN current_pointer p ON p.dataset_id = d.id
    LEFT JOIN version v ON v.dataset_id = p.dataset_id AND v.number = p.number
    LEFT JOIN sync made ON made.id = v.sync_id
    LEFT JOIN connector c ON c.dataset_id = d.id AND c.deleted_at IS NULL AND c.halt IS DISTINCT FROM 'retired'
    LEFT JOIN LATERAL rules_landing(c.id) l ON true
  WHERE d.name = ANY (names)
  ORDER BY d.id, c.id IS NOT DISTINCT FROM made.connector_id DESC, c.id
$$;

-- Makes what is served of a dataset anew by its changed rules. `facts`: {connectorId, dataset, id, slot, landed, read, retry, by}: from
-- what landed, by a sync that reads no source; or by a read of everything. What is held is tried again by the new rules. Answers what lanes
-- want.
CREATE OR REPLACE FUNCTION rules_open(facts jsonb) RETURNS SETOF jsonb LANGUAGE plpgsql AS $$
DECLARE
  c connector;
  l sync;
  trace text := '00-' || replace(gen_random_uuid()::text, '-', '') || '-' || right(replace(gen_random_uuid()::text, '-', ''), 16) || '-01';
BEGIN
  SELECT * INTO c FROM connector WHERE id = facts ->> 'connectorId' FOR UPDATE;
  IF EXISTS (SELECT 1 FROM sync s WHERE s.id = facts ->> 'id') THEN
    RETURN;
  END IF;
  IF (facts ->> 'retry')::boolean THEN
    RETURN QUERY UPDATE sync s SET state = 'landed', reason = NULL, refresh_started_at = NULL, touched_at = clock_timestamp()
      WHERE s.connector_id = c.id AND s.state = 'held' AND s.purpose = 'read' RETURNING lane_reference(s);
  END IF;
  IF (facts ->> 'read')::boolean THEN
    PERFORM sync_enqueue(jsonb_build_array(facts || jsonb_build_object('full', true, 'reset', c.mode = 'append',
      'traceparent', trace)));
  END IF;
  l := rules_landing(c.id);
  IF (facts ->> 'landed')::boolean AND l.id IS NOT NULL THEN
    UPDATE connector SET last_number = last_number + 1 WHERE id = c.id RETURNING * INTO c;
    RETURN QUERY INSERT INTO sync AS s (id, connector_id, dataset_id, department, slot, number, state, purpose, rows, bytes, started_at, read_at,
        landed_at, touched_at, landing_key, landing_attempt, traceparent)
      VALUES (facts ->> 'id', c.id, l.dataset_id, l.department, facts ->> 'slot', c.last_number, 'landed', 'rules', l.rows, l.bytes,
        clock_timestamp(), clock_timestamp(), clock_timestamp(), clock_timestamp(), l.landing_key, 1, trace)
      RETURNING lane_reference(s);
  END IF;
  PERFORM audit_append(facts ->> 'by', 'rules.refresh', 'Dataset/' || (facts ->> 'dataset'), jsonb_build_object('sync', facts ->> 'id',
    'landed', facts -> 'landed', 'read', facts -> 'read', 'retry', facts -> 'retry'));
END $$;

-- What landed is not kept any more, or was a part only: the source is read anew instead. `anew`: the id of the sync that reads it. Nothing changes where
-- it is not that refresh's turn any more.
CREATE OR REPLACE FUNCTION rules_reread(asked text, asked_attempt integer, anew text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  s sync;
  c connector;
BEGIN
  SELECT * INTO s FROM sync x WHERE x.id = asked FOR UPDATE;
  IF NOT FOUND OR s.state NOT IN ('landed', 'refreshing') OR s.landing_attempt <> asked_attempt THEN
    RETURN;
  END IF;
  SELECT * INTO c FROM connector x WHERE x.id = s.connector_id FOR UPDATE;
  PERFORM sync_enqueue(jsonb_build_array(jsonb_build_object('id', anew, 'connectorId', c.id, 'slot', s.slot || ':read', 'full', true,
    'reset', c.mode = 'append', 'by', 'service:refresh', 'traceparent', s.traceparent)));
  UPDATE sync x SET state = 'superseded', trouble = NULL, ended_at = clock_timestamp(), reason = jsonb_build_object(
    'code', 'rules.reread', 'actor', 'platform', 'retryable', false, 'by', anew,
    'message', 'what landed is not kept, so the source is read anew by sync ' || anew) WHERE x.id = asked;
END $$;

-- Says by which rules these datasets were served up to now, where nothing has said so yet. `asked`: [{dataset, rules}].
CREATE OR REPLACE FUNCTION rules_before(asked jsonb) RETURNS void LANGUAGE sql AS $$
  UPDATE current_pointer p SET rules = e ->> 'rules'
  FROM jsonb_array_elements(asked) e JOIN dataset d ON d.name = e ->> 'dataset'
  WHERE p.dataset_id = d.id AND p.rules IS NULL
$$;

-- Datasets that are not served by the rules they declare, whose turn it is to be made anew, as `rules_sources` gives them, with what names
-- the try. What is under way, is held, or was refused or cancelled by a person since the rules changed is left to it; after others, whatever
-- became of them, the wait doubles from `first_seconds` to six hours.
CREATE OR REPLACE FUNCTION rules_due(first_seconds double precision) RETURNS SETOF jsonb LANGUAGE sql STABLE AS $$
  WITH stale AS (
    SELECT d.id, d.name::text AS name, d.revision, d.ruled_at FROM dataset d JOIN current_pointer p ON p.dataset_id = d.id
    WHERE p.rules <> d.rules AND NOT d.retired
  )
  SELECT o.source || jsonb_build_object('try', t.revision || ':' || c.last_number)
  FROM rules_sources(ARRAY(SELECT name FROM stale)) o (source) JOIN stale t ON t.name = o.source ->> 'dataset'
    JOIN connector c ON c.id = o.source ->> 'connectorId'
    LEFT JOIN connector_health h ON h.connector_id = c.id
    CROSS JOIN LATERAL (
      SELECT count(*) AS tries, max(s.ended_at) AS ended_at, count(*) FILTER (WHERE s.ended_at IS NULL) AS open,
        (array_agg(s.reason ->> 'code' ORDER BY s.number DESC))[1] AS code
      FROM sync s WHERE s.connector_id = c.id AND s.queued_at >= t.ruled_at AND (s.purpose = 'rules' OR s.full_read)
        AND s.state <> 'superseded'
    ) past
  WHERE past.open = 0 AND coalesce(past.code, '') NOT IN ('hold.rejected', 'sync.cancelled')
    AND (past.tries = 0 OR past.ended_at < clock_timestamp()
      - make_interval(secs => least(21600, first_seconds * 2 ^ least(past.tries - 1, 30))))
    -- What landed asks no source; a source that is left alone is left alone.
    AND (o.source ->> 'landing' IS NOT NULL OR (c.halt IS NULL AND coalesce(h.next_attempt_at <= clock_timestamp(), true)))
$$;
