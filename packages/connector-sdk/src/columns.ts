import type { LineRun, SourceColumn } from '@songhua/contracts';

export interface UnifiedColumns {
  columns: SourceColumn[];
  /**
   * For each table: which of its cells stands in each unified column (-1: the table has no such column), or undefined when the
   * table's rows already have exactly the unified columns in order.
   */
  mappings: (number[] | undefined)[];
}

/** Unites the columns of several tables by name, in the order in which the tables first show them. */
export function unifyColumns(tables: SourceColumn[][]): UnifiedColumns {
  const columns: SourceColumn[] = [];
  const known = new Set<string>();
  for (const column of tables.flat()) {
    if (known.has(column.name)) continue;
    known.add(column.name);
    columns.push(column);
  }
  const mappings = tables.map((table) => {
    const position = new Map(table.map((column, index) => [column.name, index]));
    const mapping = columns.map((column) => position.get(column.name) ?? -1);
    const same = mapping.length === table.length && mapping.every((cell, index) => cell === index);
    return same ? undefined : mapping;
  });
  return { columns, mappings };
}

/** Moves runs of one table to where its rows stand in the whole sync. */
export function shiftRuns(runs: readonly LineRun[], firstRow: number, file: number): LineRun[] {
  return runs.map((run) => ({ ...run, row: run.row + firstRow, file }));
}
