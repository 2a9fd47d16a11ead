-- Taken last in a transaction: from here to its end the writers of outbox and audit go one after another.
CREATE OR REPLACE FUNCTION record_lock() RETURNS void LANGUAGE sql AS $$ SELECT pg_advisory_xact_lock(hashtext('songhua.record')) $$;

CREATE OR REPLACE FUNCTION audit_append(who text, what text, whom text, facts jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  last audit;
  moment timestamptz := clock_timestamp();
BEGIN
  PERFORM record_lock();
  SELECT * INTO last FROM audit ORDER BY sequence DESC LIMIT 1;
  INSERT INTO audit (sequence, at, actor, action, subject, detail, prev_hash, hash)
  VALUES (coalesce(last.sequence, 0) + 1, moment, who, what, whom, facts, last.hash,
    sha256(coalesce(last.hash, '') || convert_to(jsonb_build_array(extract(epoch FROM moment), who, what, whom, facts)::text, 'UTF8')));
END $$;
