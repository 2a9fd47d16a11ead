import type { EstateResource, LaneReference, ResourceChange } from '@songhua/contracts';
import { datasetId, SonghuaError } from '@songhua/domain';
import type { Database } from './database.js';
import type { EstateChanges } from './resource-types.js';
import {
  assertNewest,
  assertOwn,
  type Base,
  changing,
  type Entry,
  lastOfEach,
  type Newest,
  type Query,
  revisionOf,
  tally,
  toChange,
  writeRevisions,
} from './revise.js';
import { effectsOfRules, hashOfRules, openDue, openRefreshes } from './rules.js';

type Kind = EstateResource['kind'];

const ASKED = `WITH asked AS (
    SELECT e ->> 'id' AS id, e ->> 'name' AS name, e -> 'spec' AS spec, e -> 'labels' AS labels, (e ->> 'number')::integer AS revision,
      e ->> 'rules' AS rules
    FROM jsonb_array_elements($1::jsonb) e
  ) `;

const group = (table: 'department' | 'domain'): string => `${ASKED}
  INSERT INTO ${table} AS t (name, title, spec, labels, revision) SELECT name, spec ->> 'title', spec, labels, revision FROM asked
  ON CONFLICT (name) DO UPDATE SET title = excluded.title, spec = excluded.spec, labels = excluded.labels,
    revision = excluded.revision, changed_at = now()`;

const TABLES: Record<Kind, { table: string; write: string }> = {
  Department: { table: 'department', write: group('department') },
  Domain: { table: 'domain', write: group('domain') },
  Dataset: {
    table: 'dataset',
    write: `${ASKED}
      INSERT INTO dataset AS t (id, name, title, department, domain, frequency, spec, labels, search, revision, rules)
      SELECT id, name, spec ->> 'title', spec ->> 'department', spec ->> 'domain', spec ->> 'frequency', spec, labels,
        lower(concat_ws(' ', name, spec ->> 'title', spec ->> 'description')), revision, rules FROM asked
      ON CONFLICT (name) DO UPDATE SET title = excluded.title, department = excluded.department, domain = excluded.domain,
        frequency = excluded.frequency, spec = excluded.spec, labels = excluded.labels, search = excluded.search,
        revision = excluded.revision, metadata_changed_at = now(), rules = excluded.rules,
        ruled_at = CASE WHEN t.rules IS DISTINCT FROM excluded.rules THEN now() ELSE t.ruled_at END`,
  },
};
// Datasets refer to the other two.
const ORDER: Kind[] = ['Department', 'Domain', 'Dataset'];

const DEPENDENTS: Record<Kind, string> = {
  Department: `SELECT 'Dataset/' || name AS dependent FROM dataset WHERE department = $1
    UNION ALL SELECT 'key ' || id FROM api_key WHERE department = $1`,
  Domain: `SELECT 'Dataset/' || name AS dependent FROM dataset WHERE domain = $1`,
  Dataset: `SELECT 'Connector/' || c.name AS dependent FROM connector c JOIN dataset d ON d.id = c.dataset_id
      WHERE d.name = $1 AND c.deleted_at IS NULL
    UNION ALL SELECT 'version ' || v.number FROM version v JOIN dataset d ON d.id = v.dataset_id WHERE d.name = $1`,
};

const REMOVAL: Record<Kind, string> = {
  Department: 'DELETE FROM department WHERE name = $1',
  Domain: 'DELETE FROM domain WHERE name = $1',
  Dataset: 'SELECT dataset_remove($1)',
};

type Present = Newest & { spec: unknown; labels: Record<string, string> | null };

const load = (query: Query, kind: Kind, names: string[]): Promise<Present[]> =>
  query<Present>(
    `estate_load_${kind}`,
    `SELECT a.name, t.spec, t.labels, coalesce(r.number, 0) AS revision, r.author, r.at
     FROM unnest($1::text[]) a (name) LEFT JOIN ${TABLES[kind].table} t ON t.name = a.name
     LEFT JOIN LATERAL (SELECT number, author, at FROM revision WHERE kind = '${kind}' AND name = a.name
       ORDER BY number DESC LIMIT 1) r ON true`,
    [names],
  );

/** Departments, domains and datasets; see `EstateChanges`. */
export function createEstateChanges(database: Database): EstateChanges {
  return {
    apply: (resources, actor, options = {}) =>
      changing(database, async (query) => {
        const asked = ORDER.map((kind) => ({ kind, of: lastOfEach(resources.filter((one) => one.kind === kind)) }));
        await assertReferences(query, resources);
        const changes: ResourceChange[] = [];
        const lanes: LaneReference[] = [];
        for (const { kind, of } of asked) {
          if (of.length === 0) continue;
          const names = of.map(({ metadata }) => metadata.name);
          const present = new Map((await load(query, kind, names)).map((row) => [row.name, row]));
          assertOwn(
            options.of,
            of.map((resource) => ({
              id: `${kind}/${resource.metadata.name}`,
              departments: departmentsOf(resource, present.get(resource.metadata.name)),
            })),
          );
          const entries: Entry[] = [];
          const ruled: Entry[] = [];
          const before: { dataset: string; rules: string }[] = [];
          for (const resource of of) {
            const newest = present.get(resource.metadata.name) as Present;
            assertNewest(resource, newest);
            const base: Base | null = newest.labels && { spec: newest.spec, labels: newest.labels };
            const entry = revisionOf(resource, base, newest, options);
            if (!entry) continue;
            entries.push(entry);
            changes.push(toChange(kind, base, entry));
            if (kind !== 'Dataset' || !base) continue;
            const rules = hashOfRules(base.spec);
            if (rules === hashOfRules(entry.spec)) continue;
            ruled.push(entry);
            before.push({ dataset: entry.name, rules });
          }
          const effects = await effectsOfRules(query, ruled, options.kept);
          for (const change of changes) {
            const effect = change.kind === 'Dataset' ? effects.get(change.name) : undefined;
            if (effect) change.causes = effect.causes;
          }
          if (options.dryRun || entries.length === 0) continue;
          const rows = entries.map(({ name, number, spec, labels }) => ({
            id: datasetId(name),
            name,
            number,
            spec,
            labels,
            ...(kind === 'Dataset' && { rules: hashOfRules(spec) }),
          }));
          await query(`estate_write_${kind}`, TABLES[kind].write, [JSON.stringify(rows)]);
          await writeRevisions(query, kind, actor, entries);
          if (before.length > 0)
            await query('rules_before', 'SELECT rules_before($1::jsonb)', [JSON.stringify(before)]);
          lanes.push(...(await openRefreshes(query, effects.values(), actor)));
        }
        const total = asked.reduce((sum, { of }) => sum + of.length, 0);
        return { ...tally(total, changes), lanes };
      }),

    openDueRefreshes: (firstSeconds) => changing(database, (query) => openDue(query, firstSeconds)),

    delete: (kind, name, actor) =>
      changing(database, async (query) => {
        const [present] = await load(query, kind, [name]);
        if (!present?.labels) return false;
        await assertUnused(query, kind, name);
        await query(`estate_delete_${kind}`, REMOVAL[kind], [name]);
        const entry: Entry = {
          name,
          number: present.revision + 1,
          action: 'delete',
          spec: null,
          labels: {},
          difference: [{ path: 'spec', before: present.spec }],
        };
        await writeRevisions(query, kind, actor, [entry]);
        return true;
      }),
  };
}

/** Whose a resource is to be and is; departments and domains are nobody's. */
const departmentsOf = (resource: EstateResource, present: Present | undefined): (string | null | undefined)[] =>
  resource.kind === 'Dataset'
    ? [resource.spec.department, (present?.spec as { department?: string } | null | undefined)?.department]
    : [null];

async function assertUnused(query: Query, kind: Kind, name: string): Promise<void> {
  const rows = await query<{ dependent: string }>(`estate_dependents_${kind}`, DEPENDENTS[kind], [name]);
  if (rows.length === 0) return;
  const dependents = rows.map((row) => row.dependent).sort();
  const shown = `${dependents.slice(0, 20).join(', ')}${dependents.length > 20 ? ` and ${dependents.length - 20} more` : ''}`;
  throw new SonghuaError(
    'resource.in-use',
    `${kind}/${name} is used by ${shown}; ${
      dependents.some((dependent) => dependent.startsWith('version '))
        ? 'published versions stay, and their dataset with them'
        : 'delete those first'
    }`,
    { actor: 'department', details: { dependents } },
  );
}

/** Throws `catalog.reference` with every department and domain that is named but neither there nor among `resources`. */
async function assertReferences(query: Query, resources: EstateResource[]): Promise<void> {
  const needed = resources.flatMap((resource) =>
    resource.kind === 'Dataset'
      ? [
          { dataset: resource.metadata.name, field: 'department', kind: 'Department', name: resource.spec.department },
          { dataset: resource.metadata.name, field: 'domain', kind: 'Domain', name: resource.spec.domain },
        ]
      : [],
  );
  if (needed.length === 0) return;
  const there = await query<{ id: string }>(
    'estate_names',
    `SELECT 'Department/' || name AS id FROM department UNION ALL SELECT 'Domain/' || name FROM domain`,
  );
  const known = new Set([
    ...there.map(({ id }) => id),
    ...resources.map(({ kind, metadata }) => `${kind}/${metadata.name}`),
  ]);
  const errors = needed
    .filter(({ kind, name }) => !known.has(`${kind}/${name}`))
    .map(({ dataset, field, kind, name }) => ({
      path: `Dataset/${dataset} spec.${field}`,
      message: `there is no ${kind} ${name}`,
    }));
  if (errors.length === 0) return;
  throw new SonghuaError(
    'catalog.reference',
    `${errors
      .slice(0, 20)
      .map(({ path, message }) => `${path}: ${message}`)
      .join('; ')}; apply those first, or in the same call`,
    { actor: 'department', details: { errors } },
  );
}
