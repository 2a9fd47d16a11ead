import { draw, drawsFor } from '../random.js';
import type { DatasetPlan } from '../types.js';
import { isElementName } from './xml.js';

// Clerks keep small tables in spreadsheets; a large one is an export.
const LARGEST_WORKBOOK_ROWS = 8000;
const JSON_SHARE = 0.08;
const XML_SHARE = 0.05;
const XLSX_SHARE = 0.12;

/**
 * What a dataset's files are written in. Rows with too few or too many fields exist in CSV only, so datasets that have some stay so;
 * what must come out of a dataset is the same in every format.
 */
export function chooseFormat(plan: DatasetPlan, seed: number): string {
  const ragged = plan.parts.some((part) => part.bad.some((bad) => bad.kind === 'short' || bad.kind === 'long'));
  if (ragged) return 'csv';
  const share = draw(drawsFor(seed, 'format', plan.name));
  if (share < JSON_SHARE) return 'json';
  if (share < JSON_SHARE + XML_SHARE) return plan.fields.every((field) => isElementName(field.header)) ? 'xml' : 'csv';
  const rows = Math.max(...plan.parts.map((part) => part.count));
  return share < JSON_SHARE + XML_SHARE + XLSX_SHARE && rows <= LARGEST_WORKBOOK_ROWS ? 'xlsx' : 'csv';
}
