-- The read whose rows are the whole of what is served: the newest that came so far, of a connector that reads everything each time. Of the
-- others the landings have parts only.
CREATE OR REPLACE FUNCTION rules_landing(of_connector text) RETURNS sync LANGUAGE sql STABLE AS $$
  SELECT s FROM sync s JOIN connector c ON c.id = s.connector_id
  WHERE s.connector_id = of_connector AND c.mode = 'full' AND s.purpose = 'read' AND s.landing_key IS NOT NULL
    AND s.state IN ('published', 'unchanged')
  ORDER BY s.number DESC LIMIT 1
$$;

-- What datasets can be made anew of when their rules change; of several connectors the one that made what is served.
CREATE OR REPLACE FUNCTION rules_sources(names text[]) RETURNS SETOF jsonb LANGUAGE sql STABLE AS $$
  SELECT DISTINCT ON (d.id) jsonb_build_object('dataset', d.name::text, 'connectorId', c.id, 'connector', c.name::text,
    'kind', c.kind, 'mode', c.mode, 'approved', coalesce(c.approved_revision IS NOT NULL, false),
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
