import type { Resource } from '@songhua/contracts';
import { SonghuaError } from '@songhua/domain';
import { type RealTable, realRows, realTables } from './china-division.js';
import { applyStep, type Outcomes } from './evolve.js';
import { planCity } from './plan.js';
import {
  connectorResource,
  datasetResource,
  departmentResources,
  domainResources,
  realConnectorResource,
  realDatasetResource,
  type SourceAddresses,
} from './resources.js';
import { type Shape, shapedDatasets } from './shapes.js';
import { NO_CHANGES, publishedRows, totalsOf, truthOf } from './truth.js';
import type {
  ConnectorResource,
  DatasetPlan,
  DatasetResource,
  DatasetTruth,
  DepartmentResource,
  DomainResource,
  Totals,
} from './types.js';
import { type Sources, type WriteOptions, type WriteResult, writeCity } from './write.js';

export interface CityOptions {
  /** 1 is the report's city: 3,170,000 records. Smaller and larger cities have the same datasets. */
  scale?: number;
  seed?: number;
}

// Past it a dataset would grow into the indexes kept for rows that exist only to be rejected.
const LARGEST_SCALE = 10;

/** What a step did. */
export interface Evolution {
  step: number;
  /** Datasets whose version changes, with how. */
  updated: DatasetTruth[];
  /** Datasets whose source is broken now; their last version must stay served. */
  broken: DatasetTruth[];
}

export interface City {
  readonly scale: number;
  readonly seed: number;
  /** Steps taken so far. */
  readonly step: number;
  readonly departments: DepartmentResource[];
  readonly domains: DomainResource[];
  /** The city's own 620. */
  readonly datasets: DatasetResource[];
  /** Real data beside them, of the civil-affairs bureau; counted apart. */
  readonly realDatasets: DatasetResource[];
  /** Which dataset is delivered in which unusual shape, in every city. */
  readonly shapes: Readonly<Record<Shape, string>>;
  connectors(addresses: SourceAddresses): ConnectorResource[];
  /** Everything to apply, in an order in which each resource finds what it names. */
  resources(addresses: SourceAddresses): Resource[];
  /** Throws `city.unknown-dataset`. */
  truth(dataset: string): DatasetTruth;
  realTruth(dataset: string): Promise<DatasetTruth>;
  /** Of the 620; the sum of their truths. */
  totals(): Totals;
  realTotals(): Promise<Totals>;
  /** Brings the files under `dir` to the city's present state. Throws `city.unknown-dataset`. */
  write(dir: string, options?: WriteOptions): Promise<WriteResult>;
  /** Takes the city to `step` (0 is the beginning), always by the same way; the result tells the last step. */
  evolve(step: number): Evolution;
}

/** The simulated city: the same options always give the same bytes. Nothing is written until `write`. */
export function createCity(options: CityOptions = {}): City {
  const { scale = 1, seed = 11 } = options;
  if (!(scale > 0 && scale <= LARGEST_SCALE)) {
    throw new SonghuaError('city.scale', `scale must be above 0 and at most ${LARGEST_SCALE}, not ${scale}`, {
      actor: 'operator',
    });
  }
  const real = realTables(scale);
  let plans = planCity({ scale, seed });
  let outcomes: Outcomes = new Map();
  let current = 0;

  const truthOfPlan = (plan: DatasetPlan): DatasetTruth => {
    const first = { outcome: 'published', changes: { ...NO_CHANGES, added: publishedRows(plan) } } as const;
    return truthOf(plan, current === 0 ? first : (outcomes.get(plan.name) ?? first));
  };
  const evolve = (step: number): Evolution => {
    plans = planCity({ scale, seed });
    for (current = 0; current < step; ) outcomes = applyStep(plans, seed, ++current);
    const truths = plans.map(truthOfPlan);
    return {
      step,
      updated: truths.filter((t) => t.outcome === 'published'),
      broken: truths.filter((t) => t.outcome === 'kept'),
    };
  };
  const connectors = (addresses: SourceAddresses): ConnectorResource[] => [
    ...plans.map((plan) => connectorResource(plan, addresses)),
    ...real.map((table) => realConnectorResource(table, addresses)),
  ];
  const realTruth = async (table: RealTable): Promise<DatasetTruth> =>
    truthOfReal(table, await realRows(table), current);

  const departments = departmentResources();
  const domains = domainResources();
  const datasets = plans.map(datasetResource);
  const realDatasets = real.map(realDatasetResource);
  return {
    scale,
    seed,
    get step() {
      return current;
    },
    departments,
    domains,
    datasets,
    realDatasets,
    shapes: shapedDatasets,
    connectors,
    resources: (addresses) => [...departments, ...domains, ...datasets, ...realDatasets, ...connectors(addresses)],
    truth: (dataset) => truthOfPlan(named(plans, dataset)),
    realTruth: (dataset) => realTruth(named(real, dataset)),
    totals: () => totalsOf(plans.map(truthOfPlan)),
    realTotals: async () => totalsOf(await Promise.all(real.map(realTruth))),
    write: (dir, writeOptions = {}) => writeCity(dir, chosen({ plans, real }, writeOptions.datasets), writeOptions),
    evolve,
  };
}

function truthOfReal(real: RealTable, rows: number, step: number): DatasetTruth {
  return {
    dataset: real.name,
    source: 'sound',
    files: [real.path],
    sourceRows: rows,
    rejected: { total: 0, ragged: 0, type: 0, required: 0, duplicate: 0 },
    deduplicated: 0,
    publishedRows: rows,
    outcome: step === 0 ? 'published' : 'unchanged',
    changes: step === 0 ? { ...NO_CHANGES, added: rows } : NO_CHANGES,
    schema: {
      columns: real.columns.map((name) => ({ name, type: 'string', nullable: name !== 'code', source: name })),
      primaryKey: ['code'],
    },
  };
}

function chosen(sources: Sources, datasets: readonly string[] | undefined): Sources {
  if (datasets === undefined) return sources;
  for (const name of datasets) named<{ name: string }>([...sources.plans, ...sources.real], name);
  const wanted = new Set(datasets);
  return {
    plans: sources.plans.filter((plan) => wanted.has(plan.name)),
    real: sources.real.filter((table) => wanted.has(table.name)),
  };
}

function named<T extends { name: string }>(items: readonly T[], name: string): T {
  const found = items.find((item) => item.name === name);
  if (found === undefined) {
    throw new SonghuaError(
      'city.unknown-dataset',
      `the city has no dataset ${JSON.stringify(name)}: see its list of datasets`,
      {
        actor: 'operator',
      },
    );
  }
  return found;
}
