import type { Resource } from '@songhua/contracts';
import type { ColumnType, Frequency, TableSchema } from '@songhua/domain';
import type { Draws } from './random.js';
import type { Shape } from './shapes.js';

/** How a department writes values into cells. */
export interface Dress {
  /** One of these a date; several when the dataset mixes styles. */
  dates: readonly DateStyle[];
  /** What stands in a cell that has no value. */
  blanks: readonly string[];
  thousands: boolean;
  /** Whether 南岗区 is also written 南岗 and 哈尔滨市南岗区. */
  looseDistricts: boolean;
}
export type DateStyle = 'iso' | 'slash' | 'compact' | 'chinese';

/** What one file of a dataset covers; `year` is 0 and `label` empty when the dataset is a single file. */
export interface Period {
  label: string;
  year: number;
  /** 0 for a whole year. */
  month: number;
  /** 0 for a whole month. */
  day: number;
}

/** One row while it is being rendered: its place in its file, and the draws of the cell at hand. */
export interface Row extends Draws {
  index: number;
  period: Period;
  dress: Dress;
  /** What the dataset is about: 小学 of 小学名录. */
  subject: string;
  /** 32 bits that the row's cells share, and that stay when it changes. */
  anchor: number;
}

export interface Field {
  /** As the source writes it; also the published column's name. */
  header: string;
  type: ColumnType;
  /** Key cells are functions of period and index alone. */
  key?: boolean;
  required?: boolean;
  /** Changes when the row changes; the others stay for the row's life. */
  mutable?: boolean;
  /** Share of cells without a value, 0 to 1. */
  blank?: number;
  /** The text may hold delimiters, quotes or line breaks. */
  free?: boolean;
  /** A reader that is told no types could take it for another type, so the dataset declares its columns. */
  ambiguous?: boolean;
  text(row: Row): string;
}

export type Layout = 'single' | 'yearly' | 'monthly' | 'daily';

/** A kind of dataset that many departments keep. */
export interface Archetype {
  /** Appended to the subject: `小学` + `名录`, `primary-schools` + `-directory`. */
  title: string;
  slug: string;
  description: string;
  frequencies: readonly Frequency[];
  /** 0 to 1: where datasets of this kind stand among all sizes. */
  magnitude: number;
  layouts: readonly Layout[];
  /** Always there, in this order; a header `a|b` is one of the two, by dataset. */
  fields: readonly Field[];
  /** Each is there in some datasets. */
  optional: readonly Field[];
}

export interface Dialect {
  encoding: 'utf-8' | 'utf-8-bom' | 'gb18030';
  delimiter: ',' | ';' | '\t';
  newline: '\n' | '\r\n';
  quoteAll: boolean;
  finalNewline: boolean;
}

/** A row that must not be published, and why. */
export type BadRowClass = 'ragged' | 'type' | 'required' | 'duplicate';
export type BadRowKind = 'short' | 'long' | 'bad-cell' | 'blank-cell' | 'duplicate-key' | 'identical';

export interface BadRow {
  kind: BadRowKind;
  /** Index of the row that it is written after. */
  after: number;
  /** The row it repeats, or an index of its own that no other row has. */
  index: number;
  /** Field that is damaged, for `bad-cell` and `blank-cell`; how many fields go or come, for ragged rows. */
  detail: number;
}

/** What a source has become. `sound` is the only state in which it can be read as before. */
export type SourceState = 'sound' | 'missing' | 'empty' | 'html' | 'renamed-column';

/** One file of a dataset, as it stands after the steps so far. */
export interface Part {
  period: Period;
  /** Path under the city's folder, with `/`. */
  path: string;
  seed: number;
  /** Rows have indexes below this; removed ones are gone. */
  count: number;
  removed: Set<number>;
  /** Times that a row has changed, where it has. */
  revisions: Map<number, number>;
  /** Ascending by `after`. */
  bad: BadRow[];
  dialect: Dialect;
  /** The order of the fields in this file, where it is not the dataset's. */
  order?: readonly number[];
}

export type SourceKind = 'file' | 'http';

/** A dataset of the city: everything that its files are made from. */
export interface DatasetPlan {
  name: string;
  title: string;
  /** What the rows are about: 小学 of 小学名录. */
  subject: string;
  description: string;
  department: string;
  domain: string;
  frequency: Frequency;
  source: SourceKind;
  format: string;
  /** How its files differ from what the format usually looks like. */
  shape: Shape | undefined;
  layout: Layout;
  fields: Field[];
  primaryKey: string[];
  /** Whether the dataset's resource names its columns, or leaves them to be inferred. */
  declared: boolean;
  dress: Dress;
  parts: Part[];
  state: SourceState;
  seed: number;
}

export interface RejectedTruth {
  total: number;
  /** Too few or too many fields; rejected by the reader: `row.fields`. */
  ragged: number;
  /** A cell that does not fit the column's type: `cell.type`. */
  type: number;
  /** A blank key or required cell: `key.missing`, `cell.required`. */
  required: number;
  /** A key that came before with other content: `key.duplicate`. */
  duplicate: number;
}

export interface Changes {
  added: number;
  changed: number;
  removed: number;
}

/** What must come out of a dataset's source as it stands now. All counts are rows. */
export interface DatasetTruth {
  dataset: string;
  source: SourceState;
  files: string[];
  /** In the files, header rows apart, bad rows included. */
  sourceRows: number;
  rejected: RejectedTruth;
  deduplicated: number;
  /** Of the version that must be served afterwards: the last sound one when the source is broken. */
  publishedRows: number;
  /** What a sync now must end as: `kept` leaves the last version served and says why. */
  outcome: 'published' | 'unchanged' | 'kept';
  /** Against the version of the step before; all zero unless the outcome is `published`. */
  changes: Changes;
  schema: TableSchema;
}

export interface Totals {
  datasets: number;
  records: number;
  sourceRows: number;
  rejected: number;
  deduplicated: number;
}

export type DepartmentResource = Extract<Resource, { kind: 'Department' }>;
export type DomainResource = Extract<Resource, { kind: 'Domain' }>;
export type DatasetResource = Extract<Resource, { kind: 'Dataset' }>;
export type ConnectorResource = Extract<Resource, { kind: 'Connector' }>;
