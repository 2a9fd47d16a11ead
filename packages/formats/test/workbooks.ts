import { zip } from './archives.js';

export interface RawSheet {
  name: string;
  /** What stands in `<sheetData>`. */
  rows: string;
  /** References such as `A2:A4`. */
  merges?: string[];
  state?: 'visible' | 'hidden' | 'veryHidden';
}

export interface RawWorkbook {
  sheets: RawSheet[];
  sharedStrings?: string;
  /** Format codes of the cell styles 1, 2 … */
  styles?: string[];
  date1904?: boolean;
}

const NS = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main';
const RELS = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';
const head = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n';
const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');

/** Writes a workbook part by part, for what no library writes. */
export function rawWorkbook({ sheets, sharedStrings, styles = [], date1904 = false }: RawWorkbook): Promise<Buffer> {
  const links = sheets.map(
    (_, i) => `<Relationship Id="r${i}" Type="${RELS}/worksheet" Target="worksheets/s${i}.xml"/>`,
  );
  if (sharedStrings !== undefined)
    links.push(`<Relationship Id="ss" Type="${RELS}/sharedStrings" Target="/xl/strings.xml"/>`);
  links.push(`<Relationship Id="st" Type="${RELS}/styles" Target="styles.xml"/>`);
  const formats = styles.map((code, i) => `<numFmt numFmtId="${200 + i}" formatCode="${escaped(code)}"/>`).join('');
  const cells = ['<xf numFmtId="0"/>', ...styles.map((_, i) => `<xf numFmtId="${200 + i}"/>`)].join('');
  const parts: Record<string, string> = {
    '[Content_Types].xml': `${head}<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>`,
    '_rels/.rels': `${head}<Relationships><Relationship Id="a" Type="${RELS}/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
    'xl/workbook.xml': `${head}<workbook xmlns="${NS}" xmlns:r="${RELS}"><workbookPr date1904="${date1904 ? 1 : 0}"/><sheets>${sheets
      .map(
        ({ name, state = 'visible' }, i) =>
          `<sheet name="${escaped(name)}" sheetId="${i + 1}" state="${state}" r:id="r${i}"/>`,
      )
      .join('')}</sheets></workbook>`,
    'xl/_rels/workbook.xml.rels': `${head}<Relationships>${links.join('')}</Relationships>`,
    'xl/styles.xml': `${head}<styleSheet xmlns="${NS}"><numFmts>${formats}</numFmts><cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs>${cells}</cellXfs></styleSheet>`,
  };
  if (sharedStrings !== undefined) parts['xl/strings.xml'] = `${head}<sst xmlns="${NS}">${sharedStrings}</sst>`;
  sheets.forEach(({ rows, merges = [] }, i) => {
    const merged = merges.map((reference) => `<mergeCell ref="${reference}"/>`).join('');
    const tail = merged === '' ? '' : `<mergeCells count="${merges.length}">${merged}</mergeCells>`;
    parts[`xl/worksheets/s${i}.xml`] =
      `${head}<worksheet xmlns="${NS}"><sheetData>${rows}</sheetData>${tail}</worksheet>`;
  });
  return zip(parts);
}

/** A row of cells as the sheet holds them: inline texts, or `<c …/>` as given. */
export function rawRow(row: number, cells: string[]): string {
  const inner = cells.map((cell, k) => {
    if (cell.startsWith('<c')) return cell;
    const reference = `${String.fromCharCode(0x41 + k)}${row}`;
    return cell === '' ? '' : `<c r="${reference}" t="inlineStr"><is><t>${escaped(cell)}</t></is></c>`;
  });
  return `<row r="${row}">${inner.join('')}</row>`;
}
