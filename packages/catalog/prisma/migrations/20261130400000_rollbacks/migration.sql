-- A sync may publish anew what an earlier version of its dataset had.
ALTER TABLE sync
  DROP CONSTRAINT sync_purpose_known,
  ADD CONSTRAINT sync_purpose_known CHECK (purpose IN ('read', 'backfill', 'replay', 'rules', 'rollback')),
  ADD COLUMN rollback_to integer,
  ADD CONSTRAINT sync_version_when_rollback CHECK ((purpose = 'rollback') = (rollback_to IS NOT NULL)),
  ADD CONSTRAINT sync_rollback_to FOREIGN KEY (dataset_id, rollback_to) REFERENCES version (dataset_id, number);

-- Of a dataset one at a time.
CREATE UNIQUE INDEX sync_rollback_open ON sync (dataset_id)
  WHERE purpose = 'rollback' AND state NOT IN ('published', 'unchanged', 'superseded', 'failed');
-- Few datasets have any, and lists of datasets ask of each.
CREATE INDEX sync_rollback ON sync (dataset_id) WHERE purpose = 'rollback';
