/** One JSON object a row (`NamedVersion`). */
export const VERSIONS = `SELECT jsonb_build_object('dataset', d.name::text, 'version', v.number, 'identity', v.identity, 'rows', v.rows,
    'counts', v.counts, 'files', v.files, 'manifestKey', v.manifest_key, 'current', p.number IS NOT NULL,
    'removed', t.number IS NOT NULL) AS row
  FROM version v JOIN dataset d ON d.id = v.dataset_id
    LEFT JOIN current_pointer p ON p.dataset_id = v.dataset_id AND p.number = v.number
    LEFT JOIN version_tombstone t ON t.dataset_id = v.dataset_id AND t.number = v.number
  ORDER BY v.dataset_id, v.number`;

/**
 * One JSON object a row (`NamedObject`): what the catalog names beside versions and their manifests. A landing is needed while its refresh is
 * open (what a rollback reads is a version), pushed content until it is read; afterwards both are kept for a while only, and a render can be made again.
 */
export const OBJECTS = `SELECT jsonb_build_object('key', o.key, 'kind', o.kind, 'mediaType', o.media_type, 'sha256', o.sha256,
    'bytes', o.bytes, 'needed', o.needed) AS row
  FROM (
    SELECT landing_key AS key, 'landing' AS kind, 'application/json' AS media_type, NULL AS sha256, NULL::bigint AS bytes,
      bool_or(state IN ('landed', 'refreshing', 'held')) AS needed
    FROM sync WHERE landing_key IS NOT NULL AND landing_removed_at IS NULL AND purpose <> 'rollback' GROUP BY landing_key
    UNION ALL
    SELECT i.object_key, 'ingest', 'application/octet-stream', i.sha256, i.bytes, push_is_pending(i, s, push_position(k.cursor))
    FROM ingest i JOIN sync s ON s.id = i.sync_id LEFT JOIN connector_cursor k ON k.connector_id = i.connector_id
    UNION ALL
    SELECT key, 'render', media_type, sha256, bytes, false FROM render
    UNION ALL
    SELECT key, 'quarantine', 'application/gzip', NULL, NULL, count > 0 FROM rejected_summary WHERE key IS NOT NULL
    UNION ALL
    SELECT key, 'quarantine', 'application/gzip', NULL, NULL, count > 0 FROM quarantine_replay WHERE key IS NOT NULL
  ) o`;
