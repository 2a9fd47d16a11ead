-- No sync begins of a connector that was never approved, is retired or deleted, whoever enqueues it.
CREATE OR REPLACE FUNCTION sync_of_running_connector() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM connector c WHERE c.id = NEW.connector_id AND c.deleted_at IS NULL
      AND c.approved_revision IS NOT NULL AND c.halt IS DISTINCT FROM 'retired') THEN
    RETURN NEW;
  END IF;
  RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER sync_of_running_connector BEFORE INSERT ON sync FOR EACH ROW EXECUTE FUNCTION sync_of_running_connector();

-- Ends everything of a connector that goes: queued and running syncs, and refreshes that wait, run or are still to come. An attempt
-- beyond all others makes every later step of a workflow find the refresh handled, and a running publish find it not its own.
CREATE OR REPLACE FUNCTION connector_end(gone text, why jsonb) RETURNS void LANGUAGE plpgsql AS $$
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

CREATE OR REPLACE FUNCTION connector_halted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.halt = 'suspended' AND OLD.halt IS DISTINCT FROM 'suspended' THEN
    INSERT INTO notice (department, subject, code, message, actor)
    SELECT d.department, 'Connector/' || NEW.name, 'connector.suspended', coalesce(NEW.remark, ''), 'department'
    FROM dataset d WHERE d.id = NEW.dataset_id;
  ELSIF (OLD.halt IS NOT NULL AND NEW.halt IS NULL) OR NEW.approved_revision IS DISTINCT FROM OLD.approved_revision THEN
    UPDATE connector_health SET forgiven = NEW.last_number, failures = 0, failing_since = NULL, reason = NULL, next_attempt_at = NULL,
      rate_limited = false, skipped_slot = NULL, skipped = 0 WHERE connector_id = NEW.id;
  END IF;
  RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER connector_halted AFTER UPDATE OF halt, approved_revision ON connector
  FOR EACH ROW EXECUTE FUNCTION connector_halted();
