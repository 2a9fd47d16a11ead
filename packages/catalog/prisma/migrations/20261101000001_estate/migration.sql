-- Who offers what: written by the catalog service (department, domain, dataset) and the connector service (connector).

CREATE DOMAIN resource_name AS text CHECK (VALUE ~ '^[a-z0-9]([a-z0-9-]{0,98}[a-z0-9])?$');

CREATE TABLE department (
  name resource_name PRIMARY KEY,
  title text NOT NULL,
  spec jsonb NOT NULL,
  labels jsonb NOT NULL DEFAULT '{}',
  revision integer NOT NULL DEFAULT 1 CHECK (revision > 0),
  changed_at timestamptz(6) NOT NULL DEFAULT now()
);

CREATE TABLE domain (
  name resource_name PRIMARY KEY,
  title text NOT NULL,
  spec jsonb NOT NULL,
  labels jsonb NOT NULL DEFAULT '{}',
  revision integer NOT NULL DEFAULT 1 CHECK (revision > 0),
  changed_at timestamptz(6) NOT NULL DEFAULT now()
);

CREATE TABLE dataset (
  id text PRIMARY KEY,
  name resource_name NOT NULL UNIQUE,
  title text NOT NULL,
  department resource_name NOT NULL REFERENCES department (name),
  domain resource_name NOT NULL REFERENCES domain (name),
  frequency text NOT NULL CHECK (frequency IN ('CONT', 'HOURLY', 'DAILY', 'WEEKLY', 'BIWEEKLY', 'MONTHLY', 'BIMONTHLY',
    'QUARTERLY', 'ANNUAL_2', 'ANNUAL', 'BIENNIAL', 'IRREG', 'NEVER', 'UNKNOWN')),
  retired boolean NOT NULL DEFAULT false,
  spec jsonb NOT NULL,
  labels jsonb NOT NULL DEFAULT '{}',
  search text NOT NULL,
  revision integer NOT NULL DEFAULT 1 CHECK (revision > 0),
  metadata_changed_at timestamptz(6) NOT NULL DEFAULT now()
);
CREATE INDEX dataset_department ON dataset (department);
CREATE INDEX dataset_domain ON dataset (domain);

CREATE TABLE connector (
  id text PRIMARY KEY,
  name resource_name NOT NULL UNIQUE,
  dataset_id text NOT NULL REFERENCES dataset (id),
  kind text NOT NULL,
  mode text NOT NULL CHECK (mode IN ('full', 'append', 'merge', 'cdc')),
  spec jsonb NOT NULL,
  labels jsonb NOT NULL DEFAULT '{}',
  paused boolean NOT NULL DEFAULT false,
  -- A deleted connector keeps its row: syncs and versions refer to it, and its numbers go on when it is applied again.
  deleted_at timestamptz(6),
  revision integer NOT NULL DEFAULT 1 CHECK (revision > 0),
  -- The last sync number given out; numbers order the syncs of one connector.
  last_number integer NOT NULL DEFAULT 0 CHECK (last_number >= 0),
  checked_at timestamptz(6),
  -- Hints that make the next check cheap; they hold only for the cursor of sync `validators_base`.
  validators jsonb,
  validators_base integer,
  changed_at timestamptz(6) NOT NULL DEFAULT now(),
  CONSTRAINT connector_validators_with_base CHECK ((validators IS NULL) = (validators_base IS NULL))
);
CREATE INDEX connector_dataset ON connector (dataset_id);
