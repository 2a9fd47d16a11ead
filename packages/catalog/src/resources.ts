import { RESOURCE_KINDS, type ResourceKind, type Revision, toDocument } from '@songhua/contracts';
import type { Database } from './database.js';
import type { Revision as RevisionRow } from './generated/client.js';
import type { ResourceRepository, ResourceView } from './resource-types.js';

interface Shown {
  name: string;
  labels: Record<string, string>;
  spec: unknown;
  revision: number;
}

const SELECT: Record<ResourceKind, (view: ResourceView) => string> = {
  Department: () => 'SELECT name::text AS name, labels, spec, revision FROM department t',
  Domain: () => 'SELECT name::text AS name, labels, spec, revision FROM domain t',
  Dataset: () => 'SELECT name::text AS name, labels, spec, revision FROM dataset t',
  Connector: (view) =>
    view === 'approved'
      ? 'SELECT name::text AS name, labels, spec, revision FROM connector t WHERE deleted_at IS NULL'
      : `SELECT t.name::text AS name, coalesce(r.labels, t.labels) AS labels, coalesce(r.spec, t.spec) AS spec, t.revision
         FROM connector t LEFT JOIN revision r ON r.kind = 'Connector' AND r.name = t.name AND r.number = t.proposed_revision
         WHERE t.deleted_at IS NULL`,
};

const toRevision = ({ number, at, difference, ...row }: Omit<RevisionRow, 'secrets'>): Revision => ({
  ...row,
  kind: row.kind as ResourceKind,
  action: row.action as Revision['action'],
  spec: row.spec as Revision['spec'],
  labels: row.labels as Revision['labels'],
  revision: number,
  at: at.toISOString(),
  differences: difference as unknown as Revision['differences'],
});

/** See `ResourceRepository`. */
export function createResourceRepository(database: Database): ResourceRepository {
  const { query } = database;
  const load = (kind: ResourceKind, name: string | undefined, view: ResourceView): Promise<Shown[]> =>
    query<Shown>(
      `resource_list_${kind}_${view}`,
      `SELECT * FROM (${SELECT[kind](view)}) x WHERE $1::text IS NULL OR name = $1 ORDER BY name COLLATE "C"`,
      [name ?? null],
    );
  return {
    async list({ kind, name }, view) {
      const kinds = RESOURCE_KINDS.filter((one) => kind === undefined || one === kind);
      const found = await Promise.all(
        kinds.map(async (one) =>
          (await load(one, name, view)).map(({ revision: _, ...shown }) => toDocument(one, shown)),
        ),
      );
      return found.flat();
    },
    async get(kind, name, view) {
      const [found] = await load(kind, name, view);
      return found && toDocument(kind, found);
    },
    async revisions(kind, name) {
      const prisma = await database.prisma();
      const rows = await prisma.revision.findMany({
        where: { kind, name },
        omit: { secrets: true },
        orderBy: { number: 'desc' },
      });
      return rows.map(toRevision);
    },
  };
}
