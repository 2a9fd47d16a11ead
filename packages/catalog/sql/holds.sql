-- Decides on a held sync, and records it. `facts`: {approved, reason, by}. Answers what is so now, who took its place if somebody did, and the
-- reference that its lane wants of one that may go on. SH404: there is no such hold.
CREATE OR REPLACE FUNCTION hold_decide(asked text, facts jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  held sync;
  s sync;
  approving boolean := (facts ->> 'approved')::boolean;
BEGIN
  SELECT * INTO held FROM sync WHERE id = asked FOR UPDATE;
  IF NOT FOUND OR (held.state <> 'held' AND held.landing_key IS NULL) THEN
    RAISE EXCEPTION 'no refresh of sync % waits for a decision', asked USING ERRCODE = 'SH404';
  END IF;
  s := held;
  IF held.state = 'held' THEN
    INSERT INTO hold_decision (sync_id, position, approved, held_for, reason, decided_by)
    SELECT asked, coalesce(max(position), 0) + 1, approving, held.reason, facts ->> 'reason', facts ->> 'by'
    FROM hold_decision WHERE sync_id = asked;
    IF approving THEN
      UPDATE sync SET state = 'landed', reason = NULL, refresh_started_at = NULL, touched_at = clock_timestamp() WHERE id = asked RETURNING * INTO s;
    ELSE
      UPDATE sync SET state = 'failed', ended_at = clock_timestamp(), reason = jsonb_build_object('code', 'hold.rejected',
        'message', (facts ->> 'by') || ': ' || (facts ->> 'reason') || ' (' || coalesce(held.reason ->> 'message', '') || ')',
        'actor', 'department', 'retryable', false) WHERE id = asked RETURNING * INTO s;
    END IF;
    PERFORM audit_append(facts ->> 'by', CASE WHEN approving THEN 'hold.approve' ELSE 'hold.reject' END,
      'Dataset/' || (SELECT name FROM dataset WHERE id = s.dataset_id),
      jsonb_build_object('sync', asked, 'code', held.reason ->> 'code', 'reason', facts ->> 'reason'));
  END IF;
  RETURN jsonb_build_object('state', s.state, 'decided', held.state = 'held', 'by', s.reason -> 'by', 'lane', lane_reference(s));
END $$;
