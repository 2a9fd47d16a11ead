import type { Resource } from '@songhua/contracts';
import { datasetId } from '@songhua/domain';
import type { Database } from './database.js';

type Applied = Exclude<Resource, { kind: 'Connector' }>;
type Kind = Applied['kind'];

const audited = (kind: Kind): string => `, recorded AS (
    SELECT audit_append($2, CASE WHEN revision = 1 THEN 'create' ELSE 'change' END, '${kind}/' || name,
      jsonb_build_object('revision', revision)) FROM applied
  )
  SELECT count(*) FILTER (WHERE revision = 1) AS created, count(*) FILTER (WHERE revision > 1) AS changed,
    (SELECT count(*) FROM recorded) AS recorded FROM applied`;

const ASKED = `WITH asked AS (
    SELECT DISTINCT ON (e ->> 'name') e ->> 'id' AS id, e ->> 'name' AS name, e -> 'spec' AS spec, e -> 'labels' AS labels
    FROM jsonb_array_elements($1::jsonb) WITH ORDINALITY AS x (e, position) ORDER BY e ->> 'name', position DESC
  ), `;

const group = (table: 'department' | 'domain', kind: Kind): string => `${ASKED} applied AS (
    INSERT INTO ${table} AS t (name, title, spec, labels) SELECT name, spec ->> 'title', spec, labels FROM asked
    ON CONFLICT (name) DO UPDATE SET title = excluded.title, spec = excluded.spec, labels = excluded.labels,
      revision = t.revision + 1, changed_at = now()
    WHERE (t.spec, t.labels) IS DISTINCT FROM (excluded.spec, excluded.labels)
    RETURNING name, revision
  )${audited(kind)}`;

const STATEMENTS: Record<Kind, string> = {
  Department: group('department', 'Department'),
  Domain: group('domain', 'Domain'),
  Dataset: `${ASKED} applied AS (
    INSERT INTO dataset AS t (id, name, title, department, domain, frequency, spec, labels, search)
    SELECT id, name, spec ->> 'title', spec ->> 'department', spec ->> 'domain', spec ->> 'frequency', spec, labels,
      lower(concat_ws(' ', name, spec ->> 'title', spec ->> 'description')) FROM asked
    ON CONFLICT (name) DO UPDATE SET title = excluded.title, department = excluded.department, domain = excluded.domain,
      frequency = excluded.frequency, spec = excluded.spec, labels = excluded.labels, search = excluded.search,
      revision = t.revision + 1, metadata_changed_at = now()
    WHERE (t.spec, t.labels) IS DISTINCT FROM (excluded.spec, excluded.labels)
    RETURNING name, revision
  )${audited('Dataset')}`,
};

// Datasets refer to the other two.
const ORDER: Kind[] = ['Department', 'Domain', 'Dataset'];

/** Applies departments, then domains, then datasets, in one transaction with their audit rows; one statement a kind. */
export async function applyEstate(
  database: Database,
  resources: Applied[],
  actor: string,
): Promise<{ created: number; changed: number; unchanged: number }> {
  return database.transaction(async (query) => {
    const total = { created: 0, changed: 0, unchanged: resources.length };
    for (const kind of ORDER) {
      const asked = resources
        .filter((resource) => resource.kind === kind)
        .map(({ metadata, spec }) => ({
          id: datasetId(metadata.name),
          name: metadata.name,
          labels: metadata.labels ?? {},
          spec,
        }));
      if (asked.length === 0) continue;
      const [row] = await query<{ created: number; changed: number }>(`apply_${kind}`, STATEMENTS[kind], [
        JSON.stringify(asked),
        actor,
      ]);
      total.created += row?.created ?? 0;
      total.changed += row?.changed ?? 0;
    }
    total.unchanged -= total.created + total.changed;
    return total;
  });
}
