import { createHash } from 'node:crypto';
import { canonicalJson } from '@songhua/domain';
import type { DatasetSpec } from './resources.js';

type Declared = Pick<DatasetSpec, 'primaryKey' | 'columns' | 'blanks'>;

/**
 * SHA-256 of what a dataset declares that makes its rows and their schema what they are, as `sha256:<hex>`. The order of columns and of
 * blanks says nothing; guards and the schema policy decide whether a refresh passes, not what it holds.
 */
export function rulesHash({ primaryKey, columns = [], blanks }: Declared): string {
  const rules = {
    primaryKey,
    columns: [...columns]
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map((column) => ({
        ...column,
        required: column.required ?? false,
        blanks: column.blanks && sorted(column.blanks),
      })),
    blanks: blanks && sorted(blanks),
  };
  return `sha256:${createHash('sha256').update(canonicalJson(rules)).digest('hex')}`;
}

const sorted = (texts: readonly string[]): string[] => [...new Set(texts)].sort();
