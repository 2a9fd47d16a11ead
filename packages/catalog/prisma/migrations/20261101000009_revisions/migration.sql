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
