-- A later read that is published has everything that an earlier one waits with.
CREATE OR REPLACE FUNCTION holds_superseded() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE refresh SET state = 'superseded', ended_at = clock_timestamp()
  WHERE connector_id = NEW.connector_id AND state = 'held' AND number < NEW.number
    AND (SELECT s.read_range IS NULL FROM sync s WHERE s.id = sync_id);
  RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER holds_superseded AFTER INSERT OR UPDATE OF sync_id ON connector_cursor
  FOR EACH ROW EXECUTE FUNCTION holds_superseded();

-- Decides on a held refresh, and records it. `facts`: {approved, reason, by}. Answers what is so now: the state of the refresh, and
-- everything that was approved of it so far. SH404: there is no such hold.
CREATE OR REPLACE FUNCTION hold_decide(asked text, facts jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  r refresh;
  s sync;
  subject text;
  approving boolean := (facts ->> 'approved')::boolean;
BEGIN
  SELECT * INTO r FROM refresh WHERE sync_id = asked FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no refresh of sync % waits for a decision', asked USING ERRCODE = 'SH404';
  END IF;
  SELECT * INTO s FROM sync WHERE id = asked;
  SELECT 'Dataset/' || name INTO subject FROM dataset WHERE id = s.dataset_id;
  IF r.state = 'held' THEN
    INSERT INTO hold_decision (sync_id, position, approved, held_for, reason, decided_by)
    SELECT asked, coalesce(max(position), 0) + 1, approving, r.reason, facts ->> 'reason', facts ->> 'by'
    FROM hold_decision WHERE sync_id = asked;
    IF NOT approving THEN
      UPDATE refresh SET state = 'failed', ended_at = clock_timestamp(), reason = jsonb_build_object('code', 'hold.rejected',
        'message', (facts ->> 'by') || ': ' || (facts ->> 'reason') || ' (' || coalesce(r.reason ->> 'message', '') || ')',
        'actor', 'department', 'retryable', false) WHERE sync_id = asked;
    END IF;
    PERFORM audit_append(facts ->> 'by', CASE WHEN approving THEN 'hold.approve' ELSE 'hold.reject' END, subject,
      jsonb_build_object('sync', asked, 'code', r.reason ->> 'code', 'reason', facts ->> 'reason'));
  END IF;
  RETURN (SELECT jsonb_build_object('state', x.state, 'decided', r.state = 'held', 'attempt', x.attempt,
      'approved', coalesce((SELECT jsonb_agg(DISTINCT h.held_for ->> 'code') FROM hold_decision h
        WHERE h.sync_id = asked AND h.approved), '[]'))
    FROM refresh x WHERE x.sync_id = asked);
END $$;
