-- A sync may also make what is served anew by changed rules, from what landed: it reads no source.
ALTER TABLE sync
  DROP CONSTRAINT sync_purpose_check,
  ADD CONSTRAINT sync_purpose_known CHECK (purpose IN ('read', 'backfill', 'replay', 'rules'));
