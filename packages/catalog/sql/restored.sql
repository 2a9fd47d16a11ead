-- A catalog that was restored from a backup goes on: what Kafka had of it is read again, what lanes had is given to them again at once, and
-- nothing waits for leases of processes that ended long ago. None of it is held against a source. Answers {readAgain, handedOver}.
CREATE OR REPLACE FUNCTION catalog_restored(facts jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  again integer;
  over integer;
BEGIN
  PERFORM sync_requeue(s, NULL) FROM sync s WHERE s.state IN ('reading', 'delivered');
  GET DIAGNOSTICS again = ROW_COUNT;
  -- The lost catalog may have read what waits now, several times and from a later cursor: what it left anywhere counts for nothing.
  UPDATE sync SET attempt = attempt + 1000 WHERE state = 'queued';
  UPDATE sync SET touched_at = 'epoch' WHERE state IN ('landed', 'refreshing');
  GET DIAGNOSTICS over = ROW_COUNT;
  PERFORM audit_append('service:restore', 'catalog.restore', 'Catalog/catalog', facts);
  PERFORM pg_notify('songhua_syncs', '');
  PERFORM pg_notify('songhua_outbox', '');
  RETURN jsonb_build_object('readAgain', again, 'handedOver', over);
END $$;
