-- A sync has one state, from requested to terminal. What was kept as a refresh of its own is the second half of it.

ALTER TABLE sync
  DROP CONSTRAINT sync_state_check,
  DROP CONSTRAINT sync_reason_when_failed,
  DROP CONSTRAINT sync_end_when_terminal,
  DROP CONSTRAINT sync_range_or_everything,
  -- What it is for: a read of what is new moves cursor and clocks; a backfill and a replay of rejected rows move neither.
  ADD COLUMN purpose text NOT NULL DEFAULT 'read' CHECK (purpose IN ('read', 'backfill', 'replay')),
  -- Its source was asked: only then does the end of its process say something of it.
  ADD COLUMN begun boolean NOT NULL DEFAULT false,
  -- Processes that ended while they read it, and deliveries that did not land whole.
  ADD COLUMN crashes integer NOT NULL DEFAULT 0 CHECK (crashes >= 0),
  ADD COLUMN losses integer NOT NULL DEFAULT 0 CHECK (losses >= 0),
  -- When its source last sent something.
  ADD COLUMN active_at timestamptz(6),
  ADD COLUMN read_at timestamptz(6),
  -- The landing that is refreshed: its manifest, the attempt on the wire that it is of, and the hash of its rows.
  ADD COLUMN landing_key text,
  ADD COLUMN landing_attempt integer,
  ADD COLUMN content text,
  ADD COLUMN landed_at timestamptz(6),
  ADD COLUMN refresh_started_at timestamptz(6),
  -- When it was last handed to its lane, or worked on there.
  ADD COLUMN touched_at timestamptz(6),
  ADD COLUMN version integer,
  -- Seconds by step of the refresh.
  ADD COLUMN stages jsonb,
  -- Why it is tried again: {reason, tries, at, again}.
  ADD COLUMN trouble jsonb;

UPDATE sync SET read_at = ended_at;
UPDATE sync SET ended_at = NULL WHERE state = 'delivered';
UPDATE sync s SET purpose = 'replay', read_range = NULL FROM quarantine_replay q WHERE q.sync_id = s.id;
UPDATE sync SET purpose = 'backfill' WHERE read_range IS NOT NULL;
UPDATE sync s SET state = CASE r.state WHEN 'running' THEN 'refreshing' ELSE r.state END, version = r.version, reason = r.reason,
  ended_at = r.ended_at, refresh_started_at = r.started_at, touched_at = r.started_at, landed_at = r.started_at,
  landing_attempt = least(r.attempt, 3 * s.attempt),
  landing_key = CASE WHEN s.purpose = 'replay'
    THEN (SELECT 'landing/' || o.dataset_id || '/' || o.sync_id || '/' || o.attempt || '/manifest.json'
      FROM quarantine_replay q JOIN refresh o ON o.sync_id = q.replay_of WHERE q.sync_id = s.id)
    ELSE 'landing/' || s.dataset_id || '/' || s.id || '/' || least(r.attempt, 3 * s.attempt) || '/manifest.json' END
  -- A version that was published says more than what was noted of its sync.
  FROM refresh r WHERE r.sync_id = s.id AND (s.state = 'delivered' OR r.state IN ('published', 'unchanged'));

ALTER TABLE sync
  ADD CONSTRAINT sync_state_known CHECK (state IN ('queued', 'reading', 'delivered', 'landed', 'refreshing', 'held', 'published',
    'unchanged', 'superseded', 'failed')),
  ADD CONSTRAINT sync_reason_when_stopped CHECK (CASE WHEN state IN ('held', 'failed') THEN reason IS NOT NULL
    ELSE reason IS NULL OR state = 'superseded' END),
  ADD CONSTRAINT sync_end_when_terminal CHECK (
    (state IN ('published', 'unchanged', 'superseded', 'failed')) = (ended_at IS NOT NULL)),
  ADD CONSTRAINT sync_landing_whole CHECK ((landing_key IS NULL) = (landing_attempt IS NULL)),
  ADD CONSTRAINT sync_landing_when_refreshed CHECK (state NOT IN ('landed', 'refreshing', 'held', 'published')
    OR landing_key IS NOT NULL),
  ADD CONSTRAINT sync_version_when_published CHECK (state <> 'published' OR version IS NOT NULL),
  ADD CONSTRAINT sync_range_when_backfill CHECK ((purpose = 'backfill') = (read_range IS NOT NULL)),
  ADD CONSTRAINT sync_read_when_everything CHECK (purpose = 'read' OR NOT (full_read OR reset)),
  ADD CONSTRAINT sync_version FOREIGN KEY (dataset_id, version) REFERENCES version (dataset_id, number);

DROP INDEX sync_ended;
CREATE INDEX sync_failed ON sync (ended_at) WHERE state = 'failed';
CREATE INDEX sync_open ON sync (state, touched_at)
  WHERE state IN ('queued', 'reading', 'delivered', 'landed', 'refreshing', 'held');
CREATE INDEX sync_landed ON sync (landed_at) WHERE landed_at IS NOT NULL;
CREATE INDEX sync_held ON sync (connector_id, number) WHERE state = 'held';
-- The syncs of one "run now" share a slot.
CREATE INDEX sync_slot ON sync (slot);

-- The order of reads, apart from the cursor: up to this number they are settled, and what is served, or found the same, is no older.
ALTER TABLE connector ADD COLUMN settled_number integer NOT NULL DEFAULT 0 CHECK (settled_number >= 0);
UPDATE connector_cursor k SET number = s.number FROM sync s WHERE s.id = k.sync_id;
UPDATE connector c SET settled_number = k.number FROM connector_cursor k WHERE k.connector_id = c.id;

DROP TABLE refresh;
