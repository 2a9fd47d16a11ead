-- Taken first by everything that changes resources, so that what was compared is what is changed.
CREATE OR REPLACE FUNCTION resources_lock() RETURNS void LANGUAGE sql AS $$ SELECT pg_advisory_xact_lock(hashtext('songhua.resources')) $$;

-- Writes revisions and their audit rows. `entries`: [{name, number, action, spec, labels, secrets, difference}]; the audit row names the
-- revision by its hash, so that the log vouches for it.
CREATE OR REPLACE FUNCTION revision_write(of_kind text, who text, entries jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO revision (kind, name, number, action, author, spec, labels, secrets, difference)
  SELECT of_kind, e ->> 'name', (e ->> 'number')::integer, e ->> 'action', who, nullif(e -> 'spec', 'null'),
    coalesce(e -> 'labels', '{}'), coalesce(e -> 'secrets', '{}'), e -> 'difference'
  FROM jsonb_array_elements(entries) e;
  PERFORM audit_append(who, e ->> 'action', of_kind || '/' || (e ->> 'name'), jsonb_build_object(
    'revision', (e ->> 'number')::integer,
    'fields', (SELECT coalesce(jsonb_agg(d -> 'path'), '[]') FROM jsonb_array_elements(e -> 'difference') d),
    'sha256', encode(sha256(convert_to(jsonb_build_array(e -> 'spec', coalesce(e -> 'labels', '{}'))::text, 'UTF8')), 'hex')))
  FROM jsonb_array_elements(entries) e;
END $$;
