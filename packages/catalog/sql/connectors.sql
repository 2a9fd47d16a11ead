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

-- Ends everything of a connector that goes, wherever it is: every later step of it finds that it is not its turn any more.
CREATE OR REPLACE FUNCTION connector_end(gone text, why jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 FROM connector WHERE id = gone FOR UPDATE;
  PERFORM sync_fail(s, why) FROM sync s
    WHERE s.connector_id = gone AND s.state IN ('queued', 'reading', 'delivered', 'landed', 'refreshing', 'held');
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
