-- Every change of a resource is a revision, written in the transaction that makes it, beside its audit row.
CREATE TABLE revision (
  kind text NOT NULL,
  name resource_name NOT NULL,
  number integer NOT NULL CHECK (number > 0),
  action text NOT NULL CHECK (action IN ('create', 'change', 'rollback', 'delete')),
  author text NOT NULL,
  at timestamptz(6) NOT NULL DEFAULT clock_timestamp(),
  -- NULL once deleted. Values of secrets are never in it.
  spec jsonb,
  labels jsonb NOT NULL DEFAULT '{}',
  -- Of a connector: in which revision the value of each stored secret was given.
  secrets jsonb NOT NULL DEFAULT '{}',
  difference jsonb NOT NULL,
  PRIMARY KEY (kind, name, number),
  CONSTRAINT revision_spec_unless_deleted CHECK ((spec IS NULL) = (action = 'delete'))
);
CREATE TRIGGER revision_immutable BEFORE UPDATE OR DELETE ON revision FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- Values that connectors were given, by the revision that gave them; gone with the connector.
CREATE TABLE connector_secret (
  connector_id text NOT NULL REFERENCES connector (id),
  name text NOT NULL,
  revision integer NOT NULL CHECK (revision > 0),
  value text NOT NULL,
  PRIMARY KEY (connector_id, name, revision)
);

ALTER TABLE connector
  -- What runs; NULL until somebody who may has approved one.
  ADD COLUMN approved_revision integer,
  ADD COLUMN proposed_revision integer,
  ADD COLUMN proposal text CHECK (proposal IN ('draft', 'submitted')),
  ADD COLUMN halt text CHECK (halt IN ('paused', 'suspended', 'retired')),
  -- Why the last proposal was refused, or why it is halted.
  ADD COLUMN remark text,
  -- Counts everything that happens to it, so that schedules are reloaded.
  ADD COLUMN changes integer NOT NULL DEFAULT 0,
  ADD CONSTRAINT connector_proposal_whole CHECK ((proposed_revision IS NULL) = (proposal IS NULL));

INSERT INTO connector_secret (connector_id, name, revision, value)
  SELECT c.id, s.key, c.revision, s.value ->> 'value' FROM connector c, jsonb_each(c.spec -> 'secrets') s WHERE s.value ? 'value';
UPDATE connector c SET approved_revision = revision, halt = CASE WHEN paused THEN 'paused' END,
  spec = jsonb_set(spec, '{secrets}', (SELECT coalesce(jsonb_object_agg(s.key,
    CASE WHEN s.value ? 'value' THEN '{"stored": true}' ELSE s.value END), '{}') FROM jsonb_each(c.spec -> 'secrets') s));
ALTER TABLE connector DROP COLUMN paused;

INSERT INTO revision (kind, name, number, action, author, at, spec, labels, secrets, difference)
  SELECT 'Department', name, revision, 'create', 'service:catalog', changed_at, spec, labels, '{}'::jsonb, '[]'::jsonb FROM department
  UNION ALL SELECT 'Domain', name, revision, 'create', 'service:catalog', changed_at, spec, labels, '{}', '[]' FROM domain
  UNION ALL SELECT 'Dataset', name, revision, 'create', 'service:catalog', metadata_changed_at, spec, labels, '{}', '[]' FROM dataset
  UNION ALL SELECT 'Connector', c.name, c.revision, 'create', 'service:connector', c.changed_at, c.spec, c.labels,
    (SELECT coalesce(jsonb_object_agg(s.name, s.revision), '{}') FROM connector_secret s WHERE s.connector_id = c.id), '[]'
  FROM connector c WHERE c.deleted_at IS NULL;

-- Taken first by everything that changes resources, so that what was compared is what is changed.
CREATE FUNCTION resources_lock() RETURNS void LANGUAGE sql AS $$ SELECT pg_advisory_xact_lock(hashtext('songhua.resources')) $$;

-- Writes revisions and their audit rows. `entries`: [{name, number, action, spec, labels, secrets, difference}]; the audit row names the
-- revision by its hash, so that the log vouches for it.
CREATE FUNCTION revision_write(of_kind text, who text, entries jsonb) RETURNS void LANGUAGE plpgsql AS $$
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

-- Numbers go on after a resource was deleted.
CREATE FUNCTION revision_last(of_kind text, of_name text) RETURNS integer LANGUAGE sql STABLE AS $$
  SELECT coalesce(max(number), 0) FROM revision WHERE kind = of_kind AND name = of_name
$$;

-- No sync begins of a connector that was never approved, is retired or deleted, whoever enqueues it.
CREATE FUNCTION sync_of_running_connector() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM connector c WHERE c.id = NEW.connector_id AND c.deleted_at IS NULL
      AND c.approved_revision IS NOT NULL AND c.halt IS DISTINCT FROM 'retired') THEN
    RETURN NEW;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER sync_of_running_connector BEFORE INSERT ON sync FOR EACH ROW EXECUTE FUNCTION sync_of_running_connector();

-- Ends everything of a connector that goes: queued and running syncs, and refreshes that wait, run or are still to come. An attempt
-- beyond all others makes every later step of a workflow find the refresh handled, and a running publish find it not its own.
CREATE FUNCTION connector_end(gone text, why jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 FROM connector WHERE id = gone FOR UPDATE;
  WITH ended AS (
    UPDATE sync SET state = 'failed', reason = why, owner = NULL, lease_until = NULL, ended_at = clock_timestamp()
    WHERE connector_id = gone AND state IN ('queued', 'reading')
  )
  INSERT INTO refresh AS r (sync_id, dataset_id, connector_id, number, attempt, state, reason, ended_at)
  SELECT s.id, s.dataset_id, s.connector_id, s.number, 2147483647, 'failed', why, clock_timestamp()
  FROM sync s LEFT JOIN refresh o ON o.sync_id = s.id
  WHERE s.connector_id = gone AND (s.state = 'reading' OR (s.state = 'delivered' AND coalesce(o.state, 'running') IN ('running', 'held')))
  ON CONFLICT (sync_id) DO UPDATE SET attempt = excluded.attempt, state = excluded.state, reason = excluded.reason,
    version = NULL, ended_at = excluded.ended_at WHERE r.state IN ('running', 'held');
END $$;
