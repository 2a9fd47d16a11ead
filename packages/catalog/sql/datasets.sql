-- Removes a dataset that was never published, with what its deleted connectors left; referring tables first. Of one that was, or that a
-- connector still serves, nothing goes: versions stay, and their dataset with them.
CREATE OR REPLACE FUNCTION dataset_remove(asked text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  gone text := (SELECT id FROM dataset WHERE name = asked);
  connectors text[] := (SELECT array_agg(id) FROM connector WHERE dataset_id = gone);
  syncs text[] := (SELECT array_agg(id) FROM sync WHERE dataset_id = gone);
BEGIN
  IF EXISTS (SELECT 1 FROM connector WHERE dataset_id = gone AND deleted_at IS NULL) THEN
    RAISE EXCEPTION 'a connector serves dataset %', asked USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  DELETE FROM rejected_summary WHERE dataset_id = gone;
  DELETE FROM hold_decision WHERE sync_id = ANY (syncs);
  DELETE FROM quarantine_replay WHERE sync_id = ANY (syncs);
  DELETE FROM ingest WHERE connector_id = ANY (connectors);
  DELETE FROM connector_cursor WHERE connector_id = ANY (connectors);
  DELETE FROM connector_secret WHERE connector_id = ANY (connectors);
  DELETE FROM connector_health WHERE connector_id = ANY (connectors);
  DELETE FROM sync WHERE id = ANY (syncs);
  DELETE FROM connector WHERE id = ANY (connectors);
  DELETE FROM dataset WHERE id = gone;
END $$;
