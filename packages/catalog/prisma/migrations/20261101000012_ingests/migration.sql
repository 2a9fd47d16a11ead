-- What departments sent themselves: written by the connector service, each with the sync that reads it.

CREATE TABLE ingest (
  sync_id text PRIMARY KEY REFERENCES sync (id),
  connector_id text NOT NULL REFERENCES connector (id),
  -- Of the content as it was sent.
  sha256 text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
  bytes bigint NOT NULL CHECK (bytes > 0),
  object_key text NOT NULL,
  name text NOT NULL,
  pushed_by text NOT NULL,
  pushed_at timestamptz(6) NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX ingest_of_connector ON ingest (connector_id);
