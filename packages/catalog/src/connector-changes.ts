import type { Applied, ConnectorResource, ResourceChange } from '@songhua/contracts';
import {
  type Author,
  connectorId,
  type Difference,
  type LifecycleEvent,
  NEW_CONNECTOR,
  nextLifecycle,
  type Reason,
  SonghuaError,
} from '@songhua/domain';
import type { Database } from './database.js';
import { type ApplyOptions, type LifeRow, lifeOf } from './resource-types.js';
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

export interface ConnectorApplyOptions extends ApplyOptions {
  /** Datasets that are applied in the same call, before the connectors: on a dry run they are not there yet. */
  datasets?: string[] | undefined;
}

interface Present extends Newest, LifeRow {
  /** Null when there is no such connector; a deleted one keeps its row. */
  id: string | null;
  deleted: boolean;
  dataset: string | null;
  department: string | null;
  spec: unknown;
  labels: Record<string, string>;
  secrets: Record<string, number> | null;
  proposed_spec: unknown;
  proposed_labels: Record<string, string>;
  proposed_secrets: Record<string, number> | null;
}

const LOCK = 'SELECT 1 FROM connector WHERE name = ANY ($1::text[]) ORDER BY id FOR UPDATE';
const LOAD = `SELECT a.name, c.id, c.deleted_at IS NOT NULL AS deleted, d.name::text AS dataset, d.department::text AS department, c.spec, c.labels, c.approved_revision,
    c.proposed_revision, c.proposal, c.halt, p.spec AS proposed_spec, p.labels AS proposed_labels, p.secrets AS proposed_secrets,
    q.secrets, coalesce(r.number, 0) AS revision, r.author, r.at
  FROM unnest($1::text[]) a (name) LEFT JOIN connector c ON c.name = a.name LEFT JOIN dataset d ON d.id = c.dataset_id
  LEFT JOIN revision p ON p.kind = 'Connector' AND p.name = a.name AND p.number = c.proposed_revision
  LEFT JOIN revision q ON q.kind = 'Connector' AND q.name = a.name AND q.number = c.approved_revision
  LEFT JOIN LATERAL (SELECT number, author, at FROM revision WHERE kind = 'Connector' AND name = a.name
    ORDER BY number DESC LIMIT 1) r ON true`;

const WRITE = `INSERT INTO connector AS c (id, name, dataset_id, kind, mode, spec, labels, revision, approved_revision,
    proposed_revision, proposal, halt)
  SELECT e ->> 'id', e ->> 'name', d.id, e #>> '{spec,kind}', e #>> '{spec,mode}', e -> 'spec', e -> 'labels',
    (e ->> 'number')::integer, (e ->> 'approved')::integer, (e #>> '{proposal,revision}')::integer, e #>> '{proposal,stage}', e ->> 'halt'
  FROM jsonb_array_elements($1::jsonb) e JOIN dataset d ON d.name = e #>> '{spec,dataset}' ORDER BY e ->> 'id'
  ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, mode = excluded.mode, spec = excluded.spec, labels = excluded.labels,
    deleted_at = NULL, revision = excluded.revision, approved_revision = excluded.approved_revision,
    proposed_revision = excluded.proposed_revision, proposal = excluded.proposal, halt = excluded.halt, remark = NULL,
    changes = c.changes + 1, changed_at = now()`;
const KEEP = `INSERT INTO connector_secret (connector_id, name, revision, value)
  SELECT e ->> 'connector', e ->> 'name', (e ->> 'revision')::integer, e ->> 'value' FROM jsonb_array_elements($1::jsonb) e`;

const STEP = `UPDATE connector c SET approved_revision = $2, proposed_revision = $3, proposal = $4, halt = $5, remark = $6,
    kind = coalesce(r.spec ->> 'kind', c.kind), mode = coalesce(r.spec ->> 'mode', c.mode), spec = coalesce(r.spec, c.spec),
    labels = coalesce(r.labels, c.labels), changes = c.changes + 1, changed_at = now()
  FROM (SELECT $1::text AS name) a LEFT JOIN revision r ON r.kind = 'Connector' AND r.name = a.name AND r.number = $2
  WHERE c.name = a.name`;
const GONE = `UPDATE connector SET deleted_at = now(), revision = $2, approved_revision = NULL, proposed_revision = NULL, proposal = NULL,
    halt = NULL, remark = NULL, changes = changes + 1 WHERE name = $1`;

const ended = (code: string, message: string): Reason => ({ code, message, actor: 'department', retryable: false });
const DELETED = ended('connector.deleted', 'the connector was deleted; apply it again to read its source');
const RETIRED = ended('connector.retired', 'the connector was retired; nothing of it is read or published any more');

/** See `ConnectorRepository.apply`. */
export function applyConnectors(
  database: Database,
  resources: ConnectorResource[],
  author: Author,
  options: ConnectorApplyOptions = {},
): Promise<Applied> {
  return changing(database, async (query) => {
    const asked = lastOfEach(resources);
    const present = await load(
      query,
      asked.map(({ metadata }) => metadata.name),
    );
    await assertDatasets(query, asked, present, options);
    const changes: ResourceChange[] = [];
    const entries: Entry[] = [];
    const rows: object[] = [];
    const values: object[] = [];
    for (const resource of asked) {
      const found = present.get(resource.metadata.name) as Present;
      assertNewest(resource, found);
      const exists = found.id !== null && !found.deleted;
      const now = exists ? lifeOf(found) : NEW_CONNECTOR;
      const base = exists ? baseOf(found, author) : null;
      const kept = keepSecrets(resource, base, found.revision + 1);
      const entry =
        revisionOf(kept.resource, base, found, { ...options, also: kept.given }) ??
        // Somebody who may approve states it as it is: that is an approval.
        (author.mayApprove && now.approved === null ? unchangedEntry(kept.resource, found) : undefined);
      if (!entry) continue;
      const next = named(resource.metadata.name, () =>
        nextLifecycle(now, { type: 'apply', revision: entry.number, mayApprove: author.mayApprove }),
      );
      const approval = next.approved === entry.number ? 'approved' : 'needed';
      changes.push({ ...toChange('Connector', base, entry), approval });
      entries.push({ ...entry, secrets: kept.secrets });
      // Beside a revision that runs, a proposal is only in its revision.
      const runs = next.approved === null || next.approved === entry.number ? kept.resource.spec : found.spec;
      const labels = runs === found.spec ? found.labels : entry.labels;
      const id = connectorId(entry.name);
      rows.push({ ...next, id, name: entry.name, number: entry.number, spec: runs, labels });
      for (const [name, value] of kept.values) values.push({ connector: id, name, revision: entry.number, value });
    }
    if (!options.dryRun && entries.length > 0) {
      await query('connector_write', WRITE, [JSON.stringify(rows)]);
      if (values.length > 0) await query('connector_keep', KEEP, [JSON.stringify(values)]);
      await writeRevisions(query, 'Connector', author.name, entries);
      await query('connector_notify', `SELECT pg_notify('songhua_syncs', '')`);
    }
    return tally(asked.length, changes);
  });
}

/** See `ConnectorRepository.step`. */
export function stepConnector(
  database: Database,
  name: string,
  event: Exclude<LifecycleEvent, { type: 'apply' }>,
  by: { author: string; reason?: string | undefined },
): Promise<boolean> {
  return changing(database, async (query) => {
    const found = (await load(query, [name])).get(name);
    if (!found?.id || found.deleted) return false;
    const now = lifeOf(found);
    const next = named(name, () => nextLifecycle(now, event));
    if (JSON.stringify(next) === JSON.stringify(now)) return true;
    await query('connector_step', STEP, [
      name,
      next.approved,
      next.proposal?.revision ?? null,
      next.proposal?.stage ?? null,
      next.halt,
      by.reason ?? null,
    ]);
    if (next.halt === 'retired') await end(query, found.id, RETIRED);
    await query('connector_audit', 'SELECT audit_append($1, $2, $3, $4::jsonb)', [
      by.author,
      event.type,
      `Connector/${name}`,
      JSON.stringify({
        ...(now.proposal && { revision: now.proposal.revision }),
        ...(by.reason !== undefined && { reason: by.reason }),
      }),
    ]);
    return true;
  });
}

/** See `ConnectorRepository.delete`. */
export function deleteConnector(database: Database, name: string, author: string): Promise<boolean> {
  return changing(database, async (query) => {
    const found = (await load(query, [name])).get(name);
    if (!found?.id || found.deleted) return false;
    await end(query, found.id, DELETED);
    await query('connector_gone', GONE, [name, found.revision + 1]);
    await query('connector_forget', 'DELETE FROM connector_secret WHERE connector_id = $1', [found.id]);
    const difference = [{ path: 'spec', before: found.spec }];
    const entry: Entry = { name, number: found.revision + 1, action: 'delete', spec: null, labels: {}, difference };
    await writeRevisions(query, 'Connector', author, [entry]);
    return true;
  });
}

const end = (query: Query, id: string, why: Reason): Promise<unknown> =>
  query('connector_end', 'SELECT connector_end($1, $2::jsonb)', [id, JSON.stringify(why)]);

async function load(query: Query, names: string[]): Promise<Map<string, Present>> {
  // In one order, as claims of syncs do, so that neither waits for the other for ever.
  await query('connector_lock', LOCK, [names]);
  return new Map((await query<Present>('connector_load', LOAD, [names])).map((row) => [row.name, row]));
}

/** What a change is compared with: what runs; for somebody who may only propose, the own proposal that waits. */
function baseOf(found: Present, { mayApprove }: Author): Base & { secrets: Record<string, number> } {
  const approved = { spec: found.spec, labels: found.labels, secrets: found.secrets ?? {} };
  if (found.proposed_revision === null || (mayApprove && found.approved_revision !== null)) return approved;
  return { spec: found.proposed_spec, labels: found.proposed_labels, secrets: found.proposed_secrets ?? {} };
}

const unchangedEntry = ({ metadata, spec }: ConnectorResource, { revision }: Newest): Entry => ({
  name: metadata.name,
  number: revision + 1,
  action: 'change',
  spec,
  labels: metadata.labels ?? {},
  difference: [],
});

/**
 * Takes the values of secrets out of a resource, so that no revision holds one. `secrets` says in which revision each was given; one that
 * is said to be stored is the one that the base has.
 */
function keepSecrets(
  resource: ConnectorResource,
  base: { spec: unknown; secrets: Record<string, number> } | null,
  revision: number,
) {
  const before = base?.secrets ?? {};
  const referred = (base?.spec as ConnectorResource['spec'] | undefined)?.secrets ?? {};
  const secrets: Record<string, number> = {};
  const values: [string, string][] = [];
  const given: Difference[] = [];
  const references = Object.entries(resource.spec.secrets).map(([name, reference]) => {
    if ('value' in reference) {
      secrets[name] = revision;
      values.push([name, reference.value]);
      // The reference alone is as it was; also when its value was never given.
      if ('stored' in (referred[name] ?? {})) given.push({ path: `spec.secrets.${name}`, after: { value: '(new)' } });
      return [name, { stored: true }] as const;
    }
    if ('stored' in reference && before[name] !== undefined) secrets[name] = before[name];
    return [name, reference] as const;
  });
  const spec = { ...resource.spec, secrets: Object.fromEntries(references) as typeof resource.spec.secrets };
  return { resource: { ...resource, spec }, secrets, values, given };
}

async function assertDatasets(
  query: Query,
  asked: ConnectorResource[],
  present: Map<string, Present>,
  { datasets: coming = [], of }: ConnectorApplyOptions,
): Promise<void> {
  const rows = await query<{ name: string; department: string }>(
    'connector_datasets',
    'SELECT name::text AS name, department::text AS department FROM dataset WHERE name = ANY ($1::text[])',
    [asked.map(({ spec }) => spec.dataset)],
  );
  const owners = new Map(rows.map(({ name, department }) => [name, department]));
  assertOwn(
    of,
    asked.map(({ metadata, spec }) => ({
      id: `Connector/${metadata.name}`,
      departments: [owners.get(spec.dataset), present.get(metadata.name)?.department ?? undefined],
    })),
  );
  const known = new Set([...coming, ...owners.keys()]);
  const wrong = (
    code: string,
    what: (resource: ConnectorResource) => string,
    found: ConnectorResource[],
    remedy: string,
  ) => {
    const errors = found.map((resource) => ({
      path: `Connector/${resource.metadata.name} spec.dataset`,
      message: what(resource),
    }));
    const told = errors.slice(0, 20).map(({ path, message }) => `${path}: ${message}`);
    return new SonghuaError(code, `${told.join('; ')}; ${remedy}`, { actor: 'department', details: { errors } });
  };
  const unknown = asked.filter(({ spec }) => !known.has(spec.dataset));
  if (unknown.length > 0)
    throw wrong(
      'connector.unknown-dataset',
      ({ spec }) => `there is no dataset ${spec.dataset}`,
      unknown,
      'apply the datasets first, or in the same call',
    );
  const moved = asked.filter(({ metadata, spec }) => {
    const dataset = present.get(metadata.name)?.dataset ?? spec.dataset;
    return dataset !== spec.dataset;
  });
  if (moved.length > 0)
    throw wrong(
      'connector.dataset-fixed',
      ({ metadata }) => `it serves dataset ${present.get(metadata.name)?.dataset} already`,
      moved,
      'give the other dataset a connector of another name',
    );
}

/** Errors of the lifecycle say of which connector. */
function named<T>(name: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const { code, message } = error as SonghuaError;
    throw new SonghuaError(code, `Connector/${name}: ${message}`, { actor: 'department', cause: error });
  }
}
