import type { Layout, SourceKind } from './types.js';

/** How a dataset is delivered where rows and lines, or dataset and file, are not one and the same. */
export type Shape = 'pretty-json' | 'one-line-json' | 'indented-xml' | 'multi-line-csv' | 'many-files' | 'dripping';

export interface ShapedDataset {
  dataset: string;
  format: string;
  layout: Layout;
  /** Among all datasets by size, 0 the largest; by its kind when absent. */
  rank?: number;
  /** Drawn when absent. */
  source?: SourceKind;
}

// At scale 1 every city has more than 50,000 rows down to rank 5, and 27,000 at rank 16. The two largest are as their kinds are.
const SHAPED: Readonly<Record<Shape, ShapedDataset>> = {
  'pretty-json': { dataset: 'national-stations-hourly-readings', format: 'json', layout: 'single', rank: 2 },
  'one-line-json': { dataset: 'bus-routes-records', format: 'json', layout: 'single', rank: 3 },
  'indented-xml': { dataset: 'junctions-hourly-flow', format: 'xml', layout: 'single', rank: 4 },
  'multi-line-csv': { dataset: 'mayor-hotline-requests', format: 'csv', layout: 'single', rank: 5 },
  'many-files': { dataset: 'food-operators-permits', format: 'csv', layout: 'daily', rank: 16 },
  dripping: { dataset: 'hydrology-hourly-readings', format: 'csv', layout: 'single', source: 'http' },
};
const DRIPPING_DEPARTMENT = 'water-affairs-bureau';

/** Where the dripping source is on the city's HTTP server. */
export const DRIPPING_PATH = `/${DRIPPING_DEPARTMENT}/${SHAPED.dripping.dataset}.${SHAPED.dripping.format}`;

/** Which dataset has which shape; the same in every city. */
export const shapedDatasets = Object.fromEntries(
  Object.entries(SHAPED).map(([shape, { dataset }]) => [shape, dataset]),
) as Readonly<Record<Shape, string>>;

const byDataset = new Map(
  (Object.entries(SHAPED) as [Shape, ShapedDataset][]).map(([shape, shaped]) => [shaped.dataset, { shape, ...shaped }]),
);

/** The shape of a dataset that has one. */
export const shapeOf = (dataset: string): (ShapedDataset & { shape: Shape }) | undefined => byDataset.get(dataset);
