import pg from 'pg';
import { createServedCatalog, type ServedCatalog } from '../src/entries/catalog.js';
import { type ConnectorCatalog, createConnectorCatalog } from '../src/entries/connector.js';
import { createLandingCatalog, type LandingCatalog } from '../src/entries/landing.js';
import { createRefreshCatalog, type RefreshCatalog } from '../src/entries/refresh.js';
import type { Catalog } from '../src/index.js';
import { SERVICE_ROLES, type ServiceRole } from '../src/rights.js';
import { createTestDatabase } from '../src/testing.js';

export interface Services {
  connector: ConnectorCatalog;
  landing: LandingCatalog;
  refresh: RefreshCatalog;
  catalog: ServedCatalog;
}

/** A database on which every service is its own role. */
export interface RoleWorld extends Services {
  roles: Record<ServiceRole, string>;
  databaseUrl: string;
  /** All services as one catalog, for helpers that play several of them. */
  together: Catalog;
  /** `<service>.<repository>.<method>` of what no test has called yet. */
  uncalled(): string[];
  run<T extends pg.QueryResultRow>(as: ServiceRole | 'owner', sql: string, values?: unknown[]): Promise<T[]>;
  end(): Promise<void>;
}

export async function createRoleWorld(): Promise<RoleWorld> {
  const database = await createTestDatabase();
  const as: [ServiceRole, { url: string; role: string }][] = [];
  for (const service of SERVICE_ROLES) as.push([service, await database.as(service)]);
  const named = <T>(of: (one: { url: string; role: string }) => T) =>
    Object.fromEntries(as.map(([service, one]) => [service, of(one)])) as Record<ServiceRole, T>;
  const [roles, urls] = [named(({ role }) => role), named(({ url }) => url)];

  const run: RoleWorld['run'] = async (as, sql, values = []) => {
    const client = new pg.Client({ connectionString: as === 'owner' ? database.url : urls[as] });
    await client.connect();
    try {
      return (await client.query(sql, values)).rows;
    } finally {
      await client.end();
    }
  };
  const open = (service: ServiceRole) => ({ databaseUrl: urls[service], poolSize: 2 });
  const services: Services = {
    connector: createConnectorCatalog(open('connector')),
    landing: createLandingCatalog(open('landing')),
    refresh: createRefreshCatalog(open('refresh')),
    catalog: createServedCatalog(open('catalog')),
  };
  const { called, noted } = note(services);
  return {
    ...noted,
    roles,
    databaseUrl: database.url,
    together: {
      ...noted.catalog,
      ...noted.refresh,
      ...noted.connector,
      resources: noted.catalog.resources,
      replays: noted.catalog.replays,
      rollbacks: noted.catalog.rollbacks,
      audit: noted.catalog.audit,
      syncs: { ...noted.catalog.syncs, ...noted.connector.syncs, ...noted.landing.syncs } as Catalog['syncs'],
    },
    uncalled: () => [...called].filter(([, times]) => times === 0).map(([name]) => name),
    run,
    async end() {
      for (const service of SERVICE_ROLES) await services[service].close();
      await database.drop();
    },
  };
}

type AnyFunction = (...args: unknown[]) => unknown;

/**
 * Counts calls. A service's part of a repository is a narrower type of a whole one, so what is counted is what the type names: the parts are
 * listed here, and the compiler holds the list to the type.
 */
function note(services: Services): { called: Map<string, number>; noted: Services } {
  const called = new Map<string, number>();
  const counted = (prefix: string, of: object, names: readonly string[]): Record<string, AnyFunction> => {
    const wrapped: Record<string, AnyFunction> = {};
    for (const name of names) {
      called.set(`${prefix}.${name}`, 0);
      wrapped[name] = (...args: unknown[]) => {
        called.set(`${prefix}.${name}`, (called.get(`${prefix}.${name}`) ?? 0) + 1);
        return ((of as Record<string, AnyFunction>)[name] as AnyFunction)(...args);
      };
    }
    return wrapped;
  };
  const noted = Object.fromEntries(
    SERVICE_ROLES.map((service) => {
      const parts: Record<string, readonly string[]> = METHODS[service];
      const whole = { ...services[service] } as unknown as Record<string, object>;
      for (const [part, names] of Object.entries(parts))
        whole[part] = counted(`${service}.${part}`, whole[part] as object, names);
      return [service, { ...whole, ...counted(service, whole, ['ping']) }];
    }),
  );
  return { called, noted: noted as unknown as Services };
}

type Parts<S> = { [P in keyof S as S[P] extends AnyFunction ? never : P]: Record<keyof S[P] & string, true> };
type Repositories<S> = Omit<S, 'ping' | 'listen' | 'close'>;
type Listed = { [S in ServiceRole]: Parts<Repositories<Services[S]>> };

const LISTED: Listed = {
  connector: {
    syncs: {
      enqueue: true,
      take: true,
      renew: true,
      giveBack: true,
      finish: true,
      recoverExpired: true,
      recoverDelivered: true,
      list: true,
    },
    connectors: {
      apply: true,
      step: true,
      get: true,
      dataset: true,
      secrets: true,
      delete: true,
      list: true,
      changeToken: true,
      cursors: true,
      lastSlots: true,
    },
    secrets: { page: true, replace: true },
    health: { ailing: true, record: true, skip: true, due: true, of: true },
    ingests: { accept: true, taken: true, pending: true, reading: true },
    resources: { get: true },
    audit: { append: true },
  },
  landing: { syncs: { land: true, landingTrouble: true } },
  refresh: {
    refreshes: { begin: true, context: true, publish: true, finish: true, touch: true, reread: true },
    replays: { source: true },
  },
  catalog: {
    syncs: { get: true, list: true, progress: true, cancel: true, rereadDelivered: true, recoverLanded: true },
    connectors: { get: true, list: true },
    estate: {
      apply: true,
      openDueRefreshes: true,
      delete: true,
      summary: true,
      datasets: true,
      dataset: true,
      versions: true,
      version: true,
      departments: true,
      domains: true,
      quarantine: true,
      quarantined: true,
      relay: true,
      changes: true,
      lastPosition: true,
      render: true,
      recordRender: true,
    },
    resources: { list: true, get: true, revisions: true },
    health: { of: true },
    notices: { list: true },
    holds: { decide: true },
    replays: { source: true, open: true },
    rollbacks: { open: true },
    access: {
      key: true,
      touch: true,
      keys: true,
      createKey: true,
      rotateKey: true,
      revokeKey: true,
      ensureOperator: true,
      owners: true,
    },
    audit: { append: true, list: true, head: true, verify: true },
    collection: {
      syncNeeds: true,
      releaseLandings: true,
      versions: true,
      renders: true,
      pushes: true,
      quarantined: true,
      expiredVersions: true,
      expireVersions: true,
      trimSyncs: true,
      trimRejected: true,
      countRejected: true,
      trimOutbox: true,
      countOutbox: true,
      isAuditHead: true,
      cutAudit: true,
      trimAudit: true,
      countAudit: true,
      begin: true,
      renew: true,
      end: true,
      get: true,
      list: true,
    },
  },
};

const METHODS = Object.fromEntries(
  SERVICE_ROLES.map((service) => [
    service,
    Object.fromEntries(Object.entries(LISTED[service]).map(([part, names]) => [part, Object.keys(names)])),
  ]),
) as Record<ServiceRole, Record<string, string[]>>;
