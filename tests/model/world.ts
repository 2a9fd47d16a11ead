import { type Catalog, type ConnectorRecord, createCatalog } from '@songhua/catalog';
import { createTestDatabase, type TestDatabase } from '@songhua/catalog/testing';
import { Client } from 'pg';
import { WAYS, type Way } from './source.js';

const apiVersion = 'songhua/v1';
export const OPERATOR = { name: 'model', mayApprove: true };

// Connectors of each way that are made at once: a history takes one of them and leaves it.
const BATCH = 25;

/** One database for many histories, each on a connector of its own. */
export interface World {
  catalog: Catalog;
  database: Client;
  /** A connector of nobody's yet, and its dataset. */
  connector(way: Way): Promise<ConnectorRecord>;
  apply(connector: Pick<ConnectorRecord, 'name' | 'dataset'>, way: Way): Promise<void>;
  close(): Promise<void>;
}

const specOf = (name: string, way: Way) => ({
  apiVersion: 'songhua/v1' as const,
  kind: 'Connector' as const,
  metadata: { name },
  spec: {
    dataset: name,
    kind: way === 'push' ? 'push' : 'file',
    mode: way === 'push' ? ('append' as const) : way,
    config: { path: 'x.csv' },
    secrets: {},
  },
});

export async function createWorld(): Promise<World> {
  const own: TestDatabase = await createTestDatabase();
  const url = new URL(own.url);
  // Nobody looks at it after a power cut.
  url.searchParams.set('options', '-c synchronous_commit=off');
  const catalog = createCatalog({ databaseUrl: url.href, poolSize: 4 });
  const database = new Client({ connectionString: url.href });
  await database.connect();
  await catalog.estate.apply(
    [
      { apiVersion, kind: 'Domain', metadata: { name: 'model' }, spec: { title: '模型' } },
      { apiVersion, kind: 'Department', metadata: { name: 'model' }, spec: { title: '模型' } },
    ],
    'model',
  );
  const waiting = new Map<Way, ConnectorRecord[]>(WAYS.map((way) => [way, []]));
  let batch = 0;
  const prepare = async (): Promise<void> => {
    batch++;
    const names = WAYS.flatMap((way) =>
      Array.from({ length: BATCH }, (_, i) => ({ way, name: `${way}-${batch}-${i}` })),
    );
    await catalog.estate.apply(
      names.map(({ name }) => ({
        apiVersion,
        kind: 'Dataset' as const,
        metadata: { name },
        spec: {
          title: name,
          department: 'model',
          domain: 'model',
          frequency: 'DAILY' as const,
          primaryKey: [],
          schemaPolicy: 'hold' as const,
          guards: { maxShrink: 0.5, maxRejected: 0.1 },
        },
      })),
      'model',
    );
    await catalog.connectors.apply(
      names.map(({ name, way }) => specOf(name, way)),
      OPERATOR,
    );
    const made = await catalog.connectors.list({ names: names.map(({ name }) => name) });
    const byName = new Map(made.map((connector) => [connector.name, connector]));
    for (const { name, way } of names) waiting.get(way)?.push(byName.get(name) as ConnectorRecord);
  };

  return {
    catalog,
    database,
    async connector(way) {
      if (waiting.get(way)?.length === 0) await prepare();
      return waiting.get(way)?.pop() as ConnectorRecord;
    },
    async apply({ name }, way) {
      await catalog.connectors.apply([specOf(name, way)], OPERATOR);
    },
    async close() {
      await database.end();
      await catalog.close();
      await own.drop();
    },
  };
}
