-- Opens a rollback as a sync that landed already, with an earlier version in place of what a source sent. `facts`: {id, dataset, version, slot,
-- reason, by, traceparent}. Answers the sync, and the reference that its lane wants: of the one that is open, when it is to the same version.
-- Or why there is none: `missing`, `removed` (its files are not kept), `busy` (`to`: where an open one goes), `served` (`version`: has the same), or
-- `no-connector`, when the dataset has none that may run.
CREATE OR REPLACE FUNCTION rollback_open(facts jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  p current_pointer;
  v version;
  s sync;
  c connector;
BEGIN
  -- First, and before the connector as a publish does: of two that ask one comes first, and no version gets a tombstone meanwhile.
  SELECT x.* INTO p FROM current_pointer x JOIN dataset d ON d.id = x.dataset_id WHERE d.name = facts ->> 'dataset' FOR UPDATE OF x;
  SELECT * INTO v FROM version x WHERE x.dataset_id = p.dataset_id AND x.number = (facts ->> 'version')::integer;
  IF NOT FOUND THEN
    RETURN '{"problem": "missing"}';
  END IF;
  IF EXISTS (SELECT 1 FROM version_tombstone t WHERE t.dataset_id = v.dataset_id AND t.number = v.number) THEN
    RETURN '{"problem": "removed"}';
  END IF;
  SELECT * INTO s FROM sync x WHERE x.dataset_id = v.dataset_id AND x.purpose = 'rollback' AND sync_is_open(x.state);
  IF FOUND AND s.rollback_to <> v.number THEN
    RETURN jsonb_build_object('problem', 'busy', 'sync', s.id, 'to', s.rollback_to);
  ELSIF FOUND THEN
    RETURN jsonb_build_object('problem', NULL, 'sync', s.id, 'lane', lane_reference(s));
  END IF;
  IF v.identity = p.identity THEN
    RETURN jsonb_build_object('problem', 'served', 'version', p.number);
  END IF;
  -- The one that made the version, else another of the dataset.
  SELECT x.* INTO c FROM connector x
  WHERE x.dataset_id = v.dataset_id AND x.deleted_at IS NULL AND x.approved_revision IS NOT NULL AND x.halt IS DISTINCT FROM 'retired'
  ORDER BY x.id = (SELECT m.connector_id FROM sync m WHERE m.id = v.sync_id) DESC, x.id LIMIT 1 FOR UPDATE;
  IF NOT FOUND THEN
    RETURN '{"problem": "no-connector"}';
  END IF;
  UPDATE connector SET last_number = last_number + 1 WHERE id = c.id RETURNING * INTO c;
  INSERT INTO sync (id, connector_id, dataset_id, department, slot, number, state, purpose, rollback_to, rows, bytes, started_at, read_at, landed_at,
    touched_at, landing_key, landing_attempt, traceparent)
  VALUES (facts ->> 'id', c.id, v.dataset_id, (SELECT d.department FROM dataset d WHERE d.id = v.dataset_id), facts ->> 'slot', c.last_number, 'landed',
    'rollback', v.number, v.rows, v.bytes, clock_timestamp(), clock_timestamp(), clock_timestamp(), clock_timestamp(), v.manifest_key, 1,
    facts ->> 'traceparent')
  RETURNING * INTO s;
  PERFORM audit_append(facts ->> 'by', 'version.rollback', 'Dataset/' || (facts ->> 'dataset'),
    jsonb_build_object('sync', s.id, 'to', v.number, 'from', p.number, 'reason', facts ->> 'reason'));
  RETURN jsonb_build_object('problem', NULL, 'sync', s.id, 'lane', lane_reference(s));
END $$;
