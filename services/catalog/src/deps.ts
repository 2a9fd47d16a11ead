import type { ServedCatalog } from '@songhua/catalog/catalog';
import type { Lanes } from '@songhua/lanes';
import type { ObjectStore } from '@songhua/object-store';
import type { AskReadiness, Logger, Registry } from '@songhua/runtime';
import type { Tables } from '@songhua/tables';
import type { Anchors } from './access/anchors.js';
import type { Authenticate } from './access/authenticate.js';
import type { Refusals } from './access/refusals.js';
import type { Collector } from './collection/collector.js';
import type { Feed } from './feed.js';
import type { ParquetCache } from './files/parquet-cache.js';
import type { Renders } from './files/renders.js';
import type { Handover } from './handover.js';
import type { Upstream } from './upstream.js';

/** What routes work with. */
export interface Deps {
  catalog: ServedCatalog;
  store: ObjectStore;
  /** Loads DuckDB on first use. */
  tables(): Promise<Tables>;
  cache: ParquetCache;
  renders: Renders;
  feed: Feed;
  connectors: Upstream;
  /** Where bodies of pushes are put until they are in the object store, and how large one may be. */
  pushes: { folder: string; maxBytes: number };
  lanes: Lanes;
  handover: Handover;
  authenticate: Authenticate;
  refusals: Refusals;
  anchors: Anchors;
  collector: Collector;
  /** Served only where it is configured. */
  devIssuer?: { issuer: string; keysFile: string } | undefined;
  ready: AskReadiness;
  metrics: Registry;
  logger: Logger;
  now(): Date;
}
