import { strToU8, type Zippable, zipSync } from 'fflate';
import { rowsOf } from '../rows.js';
import type { DatasetPlan, Part } from '../types.js';
import { arrangerOf, headersOf } from './headers.js';
import type { SourceFormat } from './types.js';
import { escapeXml } from './xml.js';

const NS = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main';
const RELS = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';
const PACKAGE = 'http://schemas.openxmlformats.org/package/2006';
const TYPE = 'application/vnd.openxmlformats-officedocument.spreadsheetml';
const HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n';
// The same bytes for the same city, on any day and in any time zone.
const WRITTEN = new Date(2017, 5, 1);
const DATE_STYLE = 1;
const DAY_MS = 86_400_000;
const EPOCH = Date.UTC(1899, 11, 30);
// A title spans the table; over fewer columns nobody writes one.
const FEWEST_TITLED = 4;

const PARTS = {
  '[Content_Types].xml': `${HEAD}<Types xmlns="${PACKAGE}/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="${TYPE}.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="${TYPE}.worksheet+xml"/><Override PartName="/xl/sharedStrings.xml" ContentType="${TYPE}.sharedStrings+xml"/><Override PartName="/xl/styles.xml" ContentType="${TYPE}.styles+xml"/></Types>`,
  '_rels/.rels': `${HEAD}<Relationships xmlns="${PACKAGE}/relationships"><Relationship Id="rId1" Type="${RELS}/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
  'xl/workbook.xml': `${HEAD}<workbook xmlns="${NS}" xmlns:r="${RELS}"><sheets><sheet name="数据" sheetId="1" r:id="rId1"/></sheets></workbook>`,
  'xl/_rels/workbook.xml.rels': `${HEAD}<Relationships xmlns="${PACKAGE}/relationships"><Relationship Id="rId1" Type="${RELS}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="${RELS}/sharedStrings" Target="sharedStrings.xml"/><Relationship Id="rId3" Type="${RELS}/styles" Target="styles.xml"/></Relationships>`,
  'xl/styles.xml': `${HEAD}<styleSheet xmlns="${NS}"><fonts count="1"><font/></fonts><fills count="1"><fill/></fills><borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="2"><xf/><xf numFmtId="14" applyNumberFormat="1"/></cellXfs></styleSheet>`,
};

/** What clerks keep: a title over the table, dates as dates, numbers as numbers or as text, a note below. */
export const xlsx: SourceFormat = {
  name: 'xlsx',
  mediaType: `${TYPE}.sheet`,
  *encode(plan, part) {
    const strings = new Map<string, number>();
    const sheet = sheetOf(plan, part, strings);
    const items = [...strings.keys()].map((text) => `<si><t xml:space="preserve">${escapeXml(text)}</t></si>`);
    const files: Zippable = {};
    for (const [path, text] of Object.entries(PARTS)) files[path] = strToU8(text);
    files['xl/sharedStrings.xml'] = strToU8(`${HEAD}<sst xmlns="${NS}">${items.join('')}</sst>`);
    files['xl/worksheets/sheet1.xml'] = strToU8(sheet);
    yield Buffer.from(zipSync(files, { mtime: WRITTEN, level: 6 }));
  },
};

function sheetOf(plan: DatasetPlan, part: Part, strings: Map<string, number>): string {
  const arrange = arrangerOf(part);
  const headers = arrange(headersOf(plan));
  const types = arrange(plan.fields.map((field) => field.type));
  const shared = (text: string): number => {
    const known = strings.get(text) ?? strings.size;
    strings.set(text, known);
    return known;
  };
  const string = (column: number, row: number, text: string): string =>
    `<c r="${letters(column)}${row}" t="s"><v>${shared(text)}</v></c>`;
  const titled = headers.length >= FEWEST_TITLED && plan.seed % 2 === 0;
  const rows: string[] = [];
  const add = (cell: (row: number) => string): void => {
    const row = rows.length + 1;
    rows.push(`<row r="${row}">${cell(row)}</row>`);
  };
  if (titled) add((row) => string(0, row, `${part.period.label}${plan.title}`));
  add((row) => headers.map((header, k) => string(k, row, header)).join(''));
  if (plan.state !== 'empty') {
    for (const cells of rowsOf(plan, part)) {
      const arranged = arrange(cells);
      add((row) =>
        arranged.map((text, k) => cellOf(text, types[k], () => string(k, row, text), `${letters(k)}${row}`)).join(''),
      );
    }
    if (titled) add((row) => string(0, row, '注：数据以主管部门公布为准'));
  }
  const merged = titled
    ? `<mergeCells count="1"><mergeCell ref="A1:${letters(headers.length - 1)}1"/></mergeCells>`
    : '';
  return `${HEAD}<worksheet xmlns="${NS}"><sheetData>${rows.join('')}</sheetData>${merged}</worksheet>`;
}

function cellOf(text: string, type: string | undefined, string: () => string, reference: string): string {
  if (text === '') return '';
  if ((type === 'integer' || type === 'decimal') && text.length <= 15 && String(Number(text)) === text) {
    return `<c r="${reference}"><v>${text}</v></c>`;
  }
  const day = type === 'date' ? dayOf(text) : undefined;
  return day === undefined ? string() : `<c r="${reference}" s="${DATE_STYLE}"><v>${day}</v></c>`;
}

/** The spreadsheet's number of an ISO day after February 1900. */
function dayOf(text: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\d$/.test(text)) return undefined;
  const time = Date.parse(`${text}T00:00:00Z`);
  if (Number.isNaN(time) || new Date(time).toISOString().slice(0, 10) !== text) return undefined;
  const day = (time - EPOCH) / DAY_MS;
  return day > 60 ? day : undefined;
}

function letters(column: number): string {
  const last = String.fromCharCode(0x41 + (column % 26));
  return column < 26 ? last : letters(Math.floor(column / 26) - 1) + last;
}
