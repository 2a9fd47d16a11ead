import type { DatasetPlan, Part } from '../types.js';

/** The headers as they stand; a renamed column shows here and nowhere else. */
export function headersOf(plan: DatasetPlan): string[] {
  const headers = plan.fields.map((f) => f.header);
  if (plan.state === 'renamed-column') headers[headers.length - 1] = `${headers.at(-1)}_新`;
  return headers;
}

/** Puts whole rows into the order of a file; ragged rows stay as they are: which of their cells is which cannot be told. */
export function arrangerOf({ order }: Part): (cells: readonly string[]) => readonly string[] {
  return (cells) => (order && cells.length === order.length ? order.map((k) => cells[k] as string) : cells);
}
