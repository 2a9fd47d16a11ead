import type { AccessRepository, OwnedKind } from '@songhua/catalog';
import { type Resource, resourceSchema, type SyncRequest } from '@songhua/contracts';
import type { FastifyRequest } from 'fastify';

/** The department whose a thing is; null: no single department's; undefined: there is no such thing. */
export type Owner = string | null | undefined;

/** How a route finds out whose things a request touches. `list`: it shows only those of `request.department`. */
export type Owned =
  | 'list'
  | {
      /** Asked after the request was validated, and only for principals who may act for their own department only. */
      find(request: FastifyRequest, owners: AccessRepository['owners']): Promise<Owner[]>;
      /** What the request names; of others it is as if it were not there. None: it names nothing that could be missing. */
      subject?(request: FastifyRequest): string | undefined;
    };

type Fields = Record<string, unknown>;

/** Owners of everything that `names` name, in any order; what does not exist is there as undefined. */
async function ownersOf(
  owners: AccessRepository['owners'],
  kind: OwnedKind,
  names: readonly string[],
): Promise<Owner[]> {
  const found = await owners(kind, names);
  const known = new Set(found.map((one) => one.name));
  return [...found.map((one) => one.department), ...names.filter((name) => !known.has(name)).map(() => undefined)];
}

interface Named {
  kind: Resource['kind'];
  name: string;
}

async function ownersOfResource({ kind, name }: Named, owners: AccessRepository['owners']): Promise<Owner[]> {
  if (kind === 'Dataset') return ownersOf(owners, 'dataset', [name]);
  // Departments and domains are the city's.
  return kind === 'Connector' ? ownersOf(owners, 'connector', [name]) : [null];
}

const inPath =
  (kind: OwnedKind, subject: string) =>
  (param: string): Owned => ({
    subject: () => subject,
    find: ({ params }, owners) => ownersOf(owners, kind, [String((params as Fields)[param])]),
  });

export const owned = {
  connector: inPath('connector', 'connector'),
  dataset: inPath('dataset', 'dataset'),
  sync: inPath('sync', 'sync'),
  quarantine: inPath('sync', 'quarantine'),
  hold: inPath('sync', 'hold'),
  request: inPath('request', 'request'),

  /** The body of "run now". */
  syncRequest: {
    subject: ({ body }) => ((body as SyncRequest).connectors ? 'connector' : undefined),
    async find({ body }, owners) {
      const { connectors, department } = body as SyncRequest;
      if (connectors) return ownersOf(owners, 'connector', connectors);
      return [department ?? null];
    },
  },

  /** A connector by name, or one that is not applied yet, whose dataset may not be either. */
  trial: {
    subject: ({ body }) => (typeof (body as Fields).name === 'string' ? 'connector' : undefined),
    async find({ body }, owners) {
      const { name, resource } = body as { name?: string; resource?: { spec?: { dataset?: unknown } } };
      if (typeof name === 'string') return ownersOf(owners, 'connector', [name]);
      const dataset = resource?.spec?.dataset;
      const found = typeof dataset === 'string' ? await owners('dataset', [dataset]) : [];
      return found.map((one) => one.department);
    },
  },

  /** A kind and name in the path. */
  resource: {
    subject: () => 'resource',
    find: ({ params }, owners) => ownersOfResource(params as Named, owners),
  },

  /** What the query of a list names: to ask for another's things by name is refused, not answered with an empty list. */
  filters: {
    subject: () => 'resource',
    async find({ query }, owners) {
      const { connector, dataset, request, kind, name } = query as Partial<Record<string, string>>;
      const named: [OwnedKind, string | undefined][] = [
        ['connector', kind === 'Connector' ? name : connector],
        ['dataset', kind === 'Dataset' ? name : dataset],
        ['request', request],
      ];
      const found = named.flatMap(([of, one]) => (one === undefined ? [] : [ownersOf(owners, of, [one])]));
      return (await Promise.all(found)).flat();
    },
  },

  /** Going back to an earlier revision, in which it may have been another department's. */
  rollback: {
    subject: () => 'resource',
    async find(request, owners) {
      const { kind, name } = request.params as Named;
      const { from } = request.body as { from: number };
      const [now, then] = await Promise.all([
        ownersOfResource({ kind, name }, owners),
        kind === 'Dataset' ? owners('revision', [`${name}/${from}`]) : [],
      ]);
      return [...now, ...then.map((one) => one.department)];
    },
  },

  /** A list of resources: what each is to belong to, and what it belongs to now. */
  resources: {
    async find({ body }, owners) {
      return resourceOwners(
        (body as unknown[]).map((one) => resourceSchema.parse(one)),
        owners,
      );
    },
  },
} as const satisfies Record<string, Owned | ((param: string) => Owned)>;

/** Whose the resources are to be and are: a department that applies them must own them before and after. */
export async function resourceOwners(
  resources: readonly Resource[],
  owners: AccessRepository['owners'],
): Promise<Owner[]> {
  const datasets = new Map<string, string>();
  const connectors: string[] = [];
  const used: string[] = [];
  const found: Owner[] = [];
  for (const resource of resources) {
    if (resource.kind === 'Dataset') {
      datasets.set(resource.metadata.name, resource.spec.department);
      found.push(resource.spec.department);
    } else if (resource.kind === 'Connector') {
      connectors.push(resource.metadata.name);
      used.push(resource.spec.dataset);
      // Departments and domains are the city's.
    } else found.push(null);
  }
  const now = await Promise.all([
    owners('dataset', [...new Set([...datasets.keys(), ...used])]),
    owners('connector', connectors),
  ]);
  return [...found, ...now.flat().map((one) => one.department)];
}
