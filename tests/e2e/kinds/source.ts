import type { ConnectorSpec } from '@songhua/contracts';
import type { KindDocument } from './document.js';

export interface Table {
  columns: string[];
  /** As the published CSV writes them. */
  rows: string[][];
}

/** A department's source on a real server. */
export interface Source {
  kind: string;
  /** What is special about this one. */
  title: string;
  /** Values that the document's config has in place of the department's own: addresses, paths. */
  config: Record<string, unknown>;
  /** Fields that the document leaves out and the test's server needs, such as a port. */
  more?: Record<string, unknown>;
  /** Where it is not the document's. */
  mode?: ConnectorSpec['mode'];
  /** Values of the secrets that the document names. */
  secrets: Record<string, string>;
  table: Table;
}

/** Starts a server and fills it; `stop` ends what it started. */
export type StartSources = (context: {
  folder: string;
  document: KindDocument;
}) => Promise<{ sources: Source[]; stop(): Promise<void> }>;

const NAMES = ['道里区', '南岗区, 香坊', '"松北"', 'Hulan', '９号'];

/** Rows under the primary key of a document's dataset, with what is hard to carry: quotes, commas, long digits, cells without a value. */
export function tableFor({ dataset }: KindDocument, rows = 60): Table {
  const key = dataset.spec.primaryKey;
  return {
    columns: [...key, '名称', '编码'],
    rows: Array.from({ length: rows }, (_, row) => [
      ...key.map((column) => `${column}-${row}`),
      `${NAMES[row % NAMES.length]}${row}`,
      row % 7 === 0 ? '' : String(9_007_199_254_740_993n + BigInt(row)),
    ]),
  };
}

const cell = (text: string): string => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
export const toCsv = ({ columns, rows }: Table): string =>
  [columns, ...rows].map((row) => `${row.map(cell).join(',')}\n`).join('');
