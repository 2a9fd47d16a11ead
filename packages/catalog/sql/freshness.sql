-- The rules of @songhua/domain in the database, for filters, sorting and totals; a test holds the two together. Each is one expression, so
-- that a query over all datasets takes it in.

-- Ages in seconds from which a promise is due, overdue and delinquent: `thresholdsOf`. The others have no period.
CREATE OR REPLACE VIEW promise AS
  SELECT frequency, unit::bigint * a AS due, unit::bigint * b AS overdue, unit::bigint * c AS delinquent
  FROM (VALUES
    ('1MIN', 60, 1, 2, 3),
    ('5MIN', 60, 5, 10, 15),
    ('10MIN', 60, 10, 20, 30),
    ('15MIN', 60, 15, 30, 45),
    ('30MIN', 60, 30, 60, 90),
    ('CONT', 3600, 1, 2, 3),
    ('UPDATE_CONT', 3600, 1, 2, 3),
    ('HOURLY', 3600, 1, 2, 3),
    ('BIHOURLY', 3600, 2, 4, 6),
    ('TRIHOURLY', 3600, 3, 6, 9),
    ('12HRS', 3600, 12, 24, 36),
    ('DAILY_2', 3600, 12, 24, 36),
    ('DAILY', 86400, 1, 2, 3),
    ('WEEKLY_5', 86400 / 5, 7, 12, 17),
    ('WEEKLY_3', 86400 / 3, 7, 13, 19),
    ('WEEKLY_2', 86400 / 2, 7, 11, 15),
    ('WEEKLY', 86400, 7, 14, 21),
    ('MONTHLY_3', 86400, 10, 17, 24),
    ('BIWEEKLY', 86400, 14, 21, 28),
    ('MONTHLY_2', 86400, 15, 22, 29),
    ('MONTHLY', 86400, 30, 44, 60),
    ('BIMONTHLY', 86400, 60, 84, 108),
    ('QUARTERLY', 86400, 90, 120, 150),
    ('ANNUAL_3', 86400, 120, 147, 174),
    ('ANNUAL_2', 86400, 180, 210, 240),
    ('ANNUAL', 86400, 365, 425, 455),
    ('BIENNIAL', 86400, 730, 785, 840),
    ('TRIENNIAL', 86400, 1095, 1150, 1205),
    ('QUADRENNIAL', 86400, 1460, 1515, 1570),
    ('QUINQUENNIAL', 86400, 1825, 1880, 1935),
    ('DECENNIAL', 86400, 3650, 3705, 3760),
    ('BIDECENNIAL', 86400, 7300, 7355, 7410),
    ('TRIDECENNIAL', 86400, 10950, 11005, 11060)) named (frequency, unit, a, b, c);

-- What the age of a dataset is measured from.
CREATE OR REPLACE FUNCTION last_change(confirmation_counts boolean, checked_at timestamptz, source_changed_at timestamptz,
  data_changed_at timestamptz)
RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN data_changed_at IS NOT NULL THEN greatest(data_changed_at,
    CASE WHEN source_changed_at IS NOT NULL THEN least(source_changed_at, coalesce(checked_at, data_changed_at)) END,
    CASE WHEN confirmation_counts THEN checked_at END) END
$$;

-- Does the source keep its promise? `changed_at` by `last_change`.
CREATE OR REPLACE FUNCTION freshness(frequency text, retired boolean, changed_at timestamptz, due bigint, overdue bigint,
  delinquent bigint, moment timestamptz)
RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE
    WHEN retired THEN 'retired'
    WHEN changed_at IS NULL OR frequency IN ('UNKNOWN', 'OTHER', 'OP_DATPRO') THEN 'unknown'
    WHEN due IS NULL OR extract(epoch FROM moment - changed_at) < due THEN 'fresh'
    WHEN extract(epoch FROM moment - changed_at) < overdue THEN 'due'
    WHEN extract(epoch FROM moment - changed_at) < delinquent THEN 'overdue'
    ELSE 'delinquent' END
$$;

-- How many seconds a confirmation holds; NULL: for good.
CREATE OR REPLACE FUNCTION confirmation_holds(frequency text, overdue bigint, schedule_wait integer) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce(least(overdue, 2 * schedule_wait), CASE WHEN frequency NOT IN ('NEVER', 'NOT_PLANNED') THEN 30 * 86400 END)
$$;

-- Is what we serve the same as the source? `holds` by `confirmation_holds`.
CREATE OR REPLACE FUNCTION in_sync(retired boolean, last_look text, checked_at timestamptz, data_changed_at timestamptz, holds bigint,
  moment timestamptz)
RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE
    WHEN retired OR data_changed_at IS NULL OR checked_at IS NULL THEN 'unknown'
    WHEN last_look = 'differs' THEN 'differs'
    WHEN last_look = 'failed' THEN 'failing'
    WHEN extract(epoch FROM moment - checked_at) >= holds THEN 'stale'
    ELSE 'confirmed' END
$$;

-- The longest wait between two slots of a schedule, in seconds, from its coarsest field that is not `*`; never too short but for a day
-- that not every year has. Its last four fields are hour, day, month and weekday.
CREATE OR REPLACE FUNCTION schedule_wait(cron text) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE
    WHEN cron ~ '\s\*\s+\*\s+\*\s+\*\s*$' THEN 3600
    WHEN cron ~ '\s\*\s+\*\s+\*\s*$' THEN 86400
    WHEN cron ~ '\s\*\s+\*\s+\S+\s*$' THEN 7 * 86400
    WHEN cron ~ '\s\*\s+\*\s*$' THEN 62 * 86400
    WHEN cron IS NOT NULL THEN 366 * 86400 END
$$;

-- One row a dataset: what lists, filters and totals are made of. `checked_at` is the later of the two services' clocks; `last_look` is
-- what the last look at the source that came to an end said (of several connectors, the worst), but not one at the past or at rejected rows;
-- after a rollback it differs, until all of the source was read again; and while what is served was made by other rules than are declared. What was
-- pushed in parts keeps the rules it came under.
CREATE OR REPLACE VIEW dataset_entry AS
  SELECT d.id, d.name::text AS name, d.title, d.department::text AS department, d.domain::text AS domain, d.frequency, d.retired,
    d.spec, d.search, d.metadata_changed_at, p.number AS version, coalesce(p.rows, 0) AS rows, coalesce(p.bytes, 0) AS bytes,
    p.source_changed_at, p.data_changed_at, greatest(p.checked_at, c.checked_at) AS checked_at,
    coalesce((d.spec ->> 'confirmationCounts')::boolean, false) AS confirmation_counts, c.schedule_wait,
    CASE WHEN b.rolled_back OR (p.rules <> d.rules AND c.makes_anew) THEN 'differs' ELSE c.last_look END AS last_look,
    t.due, t.overdue, t.delinquent
  FROM dataset d LEFT JOIN promise t ON t.frequency = d.frequency LEFT JOIN current_pointer p ON p.dataset_id = d.id
    LEFT JOIN LATERAL (
      SELECT max(c.checked_at) AS checked_at, min(schedule_wait(c.spec #>> '{schedule,cron}')) FILTER (WHERE c.deleted_at IS NULL) AS schedule_wait,
        CASE WHEN bool_or(l.look = 'differs') THEN 'differs' WHEN bool_or(l.look = 'failed') THEN 'failed'
          WHEN bool_or(l.look = 'same') THEN 'same' END AS last_look,
        bool_or(c.kind <> 'push' OR c.mode = 'full') FILTER (WHERE c.deleted_at IS NULL) AS makes_anew
      FROM connector c LEFT JOIN LATERAL (
        SELECT CASE WHEN s.state = 'held' OR s.reason ->> 'code' = 'hold.rejected' THEN 'differs'
          WHEN s.state = 'failed' THEN 'failed' ELSE 'same' END AS look
        FROM sync s
        WHERE s.connector_id = c.id AND c.deleted_at IS NULL AND s.purpose = 'read'
          AND s.state IN ('published', 'unchanged', 'held', 'failed') AND coalesce(s.reason ->> 'code', '') <> 'sync.cancelled'
        ORDER BY s.number DESC LIMIT 1) l ON true
      WHERE c.dataset_id = d.id) c ON true
    -- Whether what is served is, or goes on from, a version that somebody rolled back to, and was not compared with the whole of a source since.
    LEFT JOIN LATERAL (
      SELECT true AS rolled_back FROM sync r
      WHERE r.dataset_id = d.id AND r.purpose = 'rollback' AND r.state = 'published'
        AND NOT EXISTS (SELECT 1 FROM sync o JOIN connector m ON m.id = o.connector_id
          WHERE o.dataset_id = r.dataset_id AND o.purpose IN ('read', 'rules') AND o.state IN ('published', 'unchanged')
            AND o.version >= r.version AND (m.mode = 'full' OR o.full_read))
      LIMIT 1) b ON true;
