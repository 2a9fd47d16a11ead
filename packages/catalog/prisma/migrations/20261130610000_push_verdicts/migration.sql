-- A sync reads what waits of everything that was pushed, so that its outcome is not that of its own push alone: which pushes it read is kept
-- with it, and what is known of a push with the push.
ALTER TABLE sync ADD COLUMN pushes integer[];
ALTER TABLE ingest
  ADD COLUMN standing text,
  ADD CONSTRAINT ingest_standing_known CHECK (standing IN ('apart', 'proven', 'refused'));

UPDATE ingest i SET standing = 'refused' FROM sync s
  WHERE s.id = i.sync_id AND s.state = 'failed' AND coalesce(s.reason ->> 'actor', 'platform') <> 'platform';
