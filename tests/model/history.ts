import type { Catalog, ConnectorRecord, SyncRecord } from '@songhua/catalog';
import type { LaneReference } from '@songhua/contracts';
import { createMemory, type Memory } from './memory.js';
import type { Snapshot } from './snapshot.js';
import { type Read, type Rows, Source, type Way } from './source.js';
import type { World } from './world.js';

/** What a reader sent of an attempt: whole, or with something missing. */
export interface Message {
  sync: string;
  /** Of its slot's claim. */
  traceparent: string;
  claim: number;
  /** On the wire. */
  attempt: number;
  read: Read;
  whole: boolean;
}

/** A process at work: each step is one call to the outside, and between any two it may be stopped, paused or killed. */
export type Process = AsyncGenerator<void, void, number>;

/** One history: a connector, everybody who works on it, and all that lies outside the catalog. */
export interface History {
  world: World;
  catalog: Catalog;
  way: Way;
  connector: ConnectorRecord;
  source: Source;
  /** Names of all content that was pushed, and whether somebody must look at it. */
  pushed: Map<string, boolean>;
  slots: string[];
  readers: { owner: string; sync: SyncRecord; process: Process }[];
  bus: Message[];
  /** What lanes were told and have not ended. */
  lane: LaneReference[];
  workers: ({ reference: LaneReference; process: Process } | undefined)[];
  memory: Memory;
  snapshot: { rows: Snapshot; memory: Memory['catalog'] } | undefined;
  restores: number;
  /** The rules of today reject nothing. */
  mended: boolean;
  bucket: Bucket;
}

/** The object store, which no restore of the database takes back. */
export interface Bucket {
  objects: Map<string, Buffer>;
  /** Landed reads by the key of their manifest. */
  landings: Map<string, Read>;
  /** Tables by the key of their file. */
  tables: Map<string, Rows>;
  /** Keys of rejected rows, by the key of the file with them. */
  quarantine: Map<string, readonly string[]>;
}

export async function begin(world: World, way: Way): Promise<History> {
  return {
    world,
    catalog: world.catalog,
    way,
    connector: await world.connector(way),
    source: new Source(),
    pushed: new Map(),
    slots: [],
    readers: [],
    bus: [],
    lane: [],
    workers: [undefined, undefined],
    memory: createMemory(),
    snapshot: undefined,
    restores: 0,
    mended: false,
    bucket: { objects: new Map(), landings: new Map(), tables: new Map(), quarantine: new Map() },
  };
}
