-- The rule of @songhua/domain `freshness`, for filters, sorting and totals in the database; a test holds the two together.
CREATE OR REPLACE FUNCTION freshness(frequency text, retired boolean, checked_at timestamptz, data_changed_at timestamptz, moment timestamptz)
RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE
    WHEN retired THEN 'retired'
    WHEN data_changed_at IS NULL OR frequency = 'UNKNOWN' THEN 'unknown'
    WHEN period IS NULL THEN 'fresh'
    WHEN age <= period THEN 'fresh'
    WHEN age <= period * 1.1 THEN 'due'
    WHEN age <= period * 2 THEN 'overdue'
    ELSE 'delinquent' END
  FROM (SELECT extract(epoch FROM moment - greatest(data_changed_at, checked_at)) AS age,
    CASE frequency WHEN 'CONT' THEN 3600 WHEN 'HOURLY' THEN 3600 WHEN 'DAILY' THEN 86400 WHEN 'WEEKLY' THEN 7 * 86400
      WHEN 'BIWEEKLY' THEN 14 * 86400 WHEN 'MONTHLY' THEN 31 * 86400 WHEN 'BIMONTHLY' THEN 62 * 86400
      WHEN 'QUARTERLY' THEN 92 * 86400 WHEN 'ANNUAL_2' THEN 184 * 86400 WHEN 'ANNUAL' THEN 366 * 86400
      WHEN 'BIENNIAL' THEN 731 * 86400 END AS period) x
$$;

-- One row a dataset: what lists, filters and totals are made of. `checked_at` is the later of the two services' clocks.
CREATE OR REPLACE VIEW dataset_entry AS
  SELECT d.id, d.name::text AS name, d.title, d.department::text AS department, d.domain::text AS domain, d.frequency, d.retired,
    d.spec, d.search, d.metadata_changed_at, p.number AS version, coalesce(p.rows, 0) AS rows, coalesce(p.bytes, 0) AS bytes,
    p.source_changed_at, p.data_changed_at, greatest(p.checked_at, c.checked_at) AS checked_at
  FROM dataset d LEFT JOIN current_pointer p ON p.dataset_id = d.id
    LEFT JOIN (SELECT dataset_id, max(checked_at) AS checked_at FROM connector GROUP BY dataset_id) c ON c.dataset_id = d.id;
