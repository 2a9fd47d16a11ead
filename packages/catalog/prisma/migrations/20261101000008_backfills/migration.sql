-- Syncs that somebody asks for beyond the usual: of a range of cursor values, or to build the dataset anew.
ALTER TABLE sync
  -- {from?, to?}: bounds of cursor values, both included.
  ADD COLUMN read_range jsonb CHECK (jsonb_typeof(read_range) = 'object'),
  -- Nothing of the version before stays.
  ADD COLUMN reset boolean NOT NULL DEFAULT false,
  ADD CONSTRAINT sync_range_or_everything CHECK (read_range IS NULL OR NOT (full_read OR reset)),
  ADD CONSTRAINT sync_reset_reads_everything CHECK (full_read OR NOT reset);
