-- The last slot of a schedule is asked of every connector at every start; slots of schedules are instants and begin with a digit.
CREATE INDEX sync_scheduled ON sync (connector_id, slot) WHERE slot < 'a';
