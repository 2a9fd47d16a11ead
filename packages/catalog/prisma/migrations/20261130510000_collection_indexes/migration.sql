-- What the collector asks about a sync is found without looking at the others of its connector, however many there are.
CREATE INDEX sync_landing ON sync (landing_key) WHERE landing_key IS NOT NULL;
CREATE INDEX sync_done ON sync (connector_id, state, number) WHERE state IN ('published', 'unchanged');
CREATE INDEX rejected_kept ON rejected_summary (recorded_at) WHERE key IS NOT NULL;
