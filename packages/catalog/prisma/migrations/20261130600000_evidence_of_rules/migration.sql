-- By which rules what is served was made, beside those that are declared: where the two differ, something is to be made anew. Without a
-- value they are the same.
ALTER TABLE dataset ADD COLUMN rules text, ADD COLUMN ruled_at timestamptz NOT NULL DEFAULT now();
ALTER TABLE current_pointer ADD COLUMN rules text;

-- The last sync that began what is served anew: nothing from before it is put onto it.
ALTER TABLE connector ADD COLUMN reset_number integer NOT NULL DEFAULT 0 CHECK (reset_number >= 0);
UPDATE connector c SET reset_number = r.number
  FROM (SELECT connector_id, max(number) AS number FROM sync WHERE reset AND state IN ('published', 'unchanged') GROUP BY connector_id) r
  WHERE r.connector_id = c.id;
