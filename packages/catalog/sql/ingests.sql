-- Claims a slot for content that is in the object store already, or returns what the slot was claimed for. No row: the connector does not
-- run. `slots`: one of `sync_enqueue`; `push`: {sha256, bytes, objectKey, name, by}.
CREATE OR REPLACE FUNCTION ingest_accept(slots jsonb, push jsonb) RETURNS SETOF jsonb LANGUAGE plpgsql AS $$
DECLARE
  claimed jsonb;
BEGIN
  SELECT e INTO claimed FROM sync_enqueue(slots) e;
  IF claimed IS NULL THEN
    RETURN;
  END IF;
  INSERT INTO ingest (sync_id, connector_id, sha256, bytes, object_key, name, pushed_by)
  SELECT claimed ->> 'id', claimed ->> 'connector_id', push ->> 'sha256', (push ->> 'bytes')::bigint, push ->> 'objectKey',
    push ->> 'name', push ->> 'by'
  ON CONFLICT (sync_id) DO NOTHING;
  IF FOUND THEN
    PERFORM audit_append(push ->> 'by', 'ingest.push', 'Connector/' || (claimed ->> 'connector'), jsonb_build_object(
      'sync', claimed ->> 'id', 'bytes', (push ->> 'bytes')::bigint, 'sha256', push ->> 'sha256'));
  END IF;
  RETURN QUERY SELECT jsonb_build_object('sync', claimed, 'sha256', i.sha256, 'bytes', i.bytes, 'objectKey', i.object_key)
    FROM ingest i WHERE i.sync_id = claimed ->> 'id';
END $$;

-- What a sync has to read: everything that came after the cursor, up to the sync's own, in order of arrival. What a department must mend
-- first, or a person refused, keeps nothing back that came later; what failed for reasons of the platform or its operators is read again.
CREATE OR REPLACE FUNCTION ingest_pending(of_sync text, after integer)
RETURNS TABLE (number integer, sha256 text, bytes bigint, object_key text, name text) LANGUAGE sql STABLE AS $$
  SELECT s.number, i.sha256, i.bytes, i.object_key, i.name
  FROM sync own JOIN ingest i ON i.connector_id = own.connector_id JOIN sync s ON s.id = i.sync_id
  WHERE own.id = of_sync AND s.number > after AND s.number <= own.number
    AND (s.id = own.id OR NOT push_is_refused(s))
  ORDER BY s.number
$$;

-- Whether what was pushed is not read again: its department has to mend it, or a person did not want it.
CREATE OR REPLACE FUNCTION push_is_refused(s sync) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT s.state = 'failed' AND (s.reason ->> 'actor' = 'department' OR s.reason ->> 'code' = 'sync.cancelled')
$$;
