-- How far the syncs of one "run now" have come, in one row: what a person who waits polls.
CREATE OR REPLACE FUNCTION sync_progress(asked text) RETURNS jsonb LANGUAGE sql STABLE AS $$
  WITH step AS (
    SELECT s.id, s.connector_id, d.name::text AS dataset, s.state, s.rows, s.rejected, s.queued_at, s.started_at, s.read_at,
      -- A hold has come as far as it does by itself.
      CASE WHEN s.state = 'held' THEN s.touched_at ELSE s.ended_at END AS ended_at,
      s.landing_key IS NOT NULL AS refreshed, s.reason, s.trouble, q.count AS refused
    FROM sync s JOIN dataset d ON d.id = s.dataset_id LEFT JOIN rejected_summary q ON q.sync_id = s.id
    WHERE s.slot = 'request:' || asked
  ), waiting AS (
    SELECT count(*) AS unannounced FROM outbox o, relay w
    WHERE w.name = 'versions' AND o.position > w.position AND o.event #>> '{data,sync}' IN (SELECT id FROM step)
  ), span AS (
    SELECT min(queued_at) AS began, min(started_at) AS reading_from, max(ended_at) FILTER (WHERE refreshed) AS refreshed_at,
      max(read_at) AS read_at, CASE WHEN bool_or(state = 'reading') THEN clock_timestamp() ELSE max(read_at) END AS reading_to,
      bool_and(state IN ('published', 'unchanged', 'superseded', 'held', 'failed')) AS settled
    FROM step
  )
  SELECT jsonb_build_object(
    'request', asked,
    'total', count(*),
    'queued', count(*) FILTER (WHERE state = 'queued'),
    'reading', count(*) FILTER (WHERE state = 'reading'),
    'landing', count(*) FILTER (WHERE state = 'delivered'),
    'landed', count(*) FILTER (WHERE state = 'landed'),
    'refreshing', count(*) FILTER (WHERE state = 'refreshing'),
    'published', count(*) FILTER (WHERE state = 'published'),
    'unchanged', count(*) FILTER (WHERE state IN ('unchanged', 'superseded')),
    'held', count(*) FILTER (WHERE state = 'held'),
    'failed', count(*) FILTER (WHERE state = 'failed'),
    'rows', coalesce(sum(rows), 0),
    'rejected', coalesce(sum(coalesce(refused, rejected)), 0),
    'unannounced', (SELECT unannounced FROM waiting),
    'requestedSeconds', (SELECT greatest(0, coalesce(extract(epoch FROM clock_timestamp() - began), 0))::float8 FROM span),
    'readingSeconds', (SELECT greatest(0, coalesce(extract(epoch FROM reading_to - reading_from), 0))::float8 FROM span),
    'stages', (SELECT jsonb_build_object(
        'read', coalesce(extract(epoch FROM read_at - began), 0)::float8,
        'refresh', coalesce(extract(epoch FROM refreshed_at - began), 0)::float8,
        'announce', greatest(0, coalesce(extract(epoch FROM (SELECT moved_at FROM relay WHERE name = 'versions') - began), 0))::float8)
      FROM span),
    'failures', coalesce((SELECT jsonb_agg(jsonb_build_object('dataset', dataset, 'sync', id, 'state', state,
        'code', reason ->> 'code', 'message', reason ->> 'message', 'actor', reason ->> 'actor') ORDER BY dataset)
      FROM (SELECT * FROM step WHERE state IN ('failed', 'held') ORDER BY dataset LIMIT 100) f), '[]'),
    -- What else waits for a decision at the same connectors; looked for once nothing goes on by itself.
    'holds', CASE WHEN (SELECT settled FROM span) THEN coalesce((SELECT jsonb_agg(jsonb_build_object('dataset', dataset, 'sync', id,
        'code', reason ->> 'code', 'message', reason ->> 'message') ORDER BY dataset, number)
      FROM (SELECT d.name::text AS dataset, h.id, h.number, h.reason FROM sync h JOIN dataset d ON d.id = h.dataset_id
        WHERE h.state = 'held' AND h.connector_id IN (SELECT connector_id FROM step) AND h.id NOT IN (SELECT id FROM step)
        ORDER BY d.name, h.number LIMIT 100) f), '[]') ELSE '[]' END,
    'troubles', coalesce((SELECT jsonb_agg(jsonb_build_object('dataset', dataset, 'sync', id, 'state', state,
        'code', trouble #>> '{reason,code}', 'message', trouble #>> '{reason,message}') ORDER BY dataset)
      FROM (SELECT * FROM step WHERE trouble IS NOT NULL ORDER BY dataset LIMIT 20) f), '[]'),
    'slowest', coalesce((SELECT jsonb_agg(jsonb_build_object('dataset', dataset, 'rows', rows,
        'seconds', extract(epoch FROM coalesce(ended_at, read_at) - started_at)::float8) ORDER BY coalesce(ended_at, read_at) - started_at DESC)
      FROM (SELECT * FROM step WHERE started_at IS NOT NULL AND read_at IS NOT NULL
        ORDER BY coalesce(ended_at, read_at) - started_at DESC LIMIT 5) f), '[]'))
  FROM step
$$;
