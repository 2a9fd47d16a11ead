import type { GridRow } from '../rows/grid.js';
import type { XmlHandler } from '../xml/feed.js';
import { isBeyondPrecision, numberText } from './numbers.js';
import { invalidWorkbook, localName } from './parts.js';
import { columnOf, referenceOf } from './references.js';
import { type SharedStrings, unescapeText } from './strings.js';
import type { NumberStyle } from './styles.js';

export interface SheetContext {
  name: string;
  strings: SharedStrings;
  styles: NumberStyle[];
  date1904: boolean;
  columns: number;
}

const PLAIN: NumberStyle = { kind: 'plain' };

/** Collects the rows of a sheet that have any text; blank ones cost nothing. */
export class SheetReader implements XmlHandler {
  private rows: GridRow[] = [];
  private cells: string[] = [];
  private problem: GridRow['problem'];
  private rowNumber = 0;
  private column = -1;
  private type = 'n';
  private style = PLAIN;
  private content = '';
  private collecting = false;
  private phonetic = false;
  private hasFormula = false;
  private hasValue = false;
  /** Numbers whose last digits the spreadsheet has already lost. */
  imprecise = 0;

  constructor(private readonly context: SheetContext) {}

  take(): GridRow[] {
    const { rows } = this;
    this.rows = [];
    return rows;
  }

  open(name: string, attributes: Record<string, string>): void {
    switch (localName(name)) {
      case 'row':
        this.rowNumber = rowOf(attributes.r) ?? this.rowNumber + 1;
        this.cells = [];
        this.column = -1;
        this.problem = undefined;
        break;
      case 'c':
        this.column = columnOf(attributes.r) ?? this.column + 1;
        this.type = attributes.t ?? 'n';
        this.style = this.context.styles[Number(attributes.s ?? 0)] ?? PLAIN;
        this.content = '';
        this.hasFormula = false;
        this.hasValue = false;
        break;
      case 'f':
        this.hasFormula = true;
        break;
      case 'rPh':
        this.phonetic = true;
        break;
      case 'v':
      case 't':
        this.collecting = !this.phonetic;
        this.hasValue = true;
        break;
    }
  }

  text(text: string): void {
    if (this.collecting) this.content += text;
  }

  close(name: string): void {
    switch (localName(name)) {
      case 'v':
      case 't':
        this.collecting = false;
        break;
      case 'rPh':
        this.phonetic = false;
        break;
      case 'c':
        this.endCell();
        break;
      case 'row':
        if (this.cells.length > 0 || this.problem) this.rows.push(this.row());
        break;
    }
  }

  private row(): GridRow {
    const { cells, problem, rowNumber: line } = this;
    for (let k = 0; k < cells.length; k++) cells[k] ??= '';
    return problem === undefined ? { line, cells } : { line, cells, problem };
  }

  private endCell(): void {
    // The result of a formula may be an empty text, but no number is empty.
    const calculated = this.hasValue && (this.type === 'str' || this.content !== '');
    if (this.hasFormula && !calculated) {
      this.problem = { code: 'row.formula', field: referenceOf(this.column, this.rowNumber) };
      return;
    }
    const text = this.hasValue ? this.value() : '';
    if (text === '') return;
    if (this.column > this.context.columns)
      throw invalidWorkbook(this.context.name, `row ${this.rowNumber} is wider than a sheet`);
    this.cells[this.column] = text;
  }

  private value(): string {
    const { content: text, context } = this;
    switch (this.type) {
      case 's': {
        const found = context.strings.get(Number(text.trim()));
        if (found !== undefined) return found;
        throw invalidWorkbook(context.name, `row ${this.rowNumber} uses a text that is not there`);
      }
      case 'b':
        return text.trim() === '1' || text.trim() === 'true' ? 'TRUE' : 'FALSE';
      case 'str':
      case 'inlineStr':
        return unescapeText(text);
      case 'n': {
        const stored = text.trim();
        if (isBeyondPrecision(stored)) this.imprecise++;
        return stored === '' ? '' : numberText(stored, this.style, context.date1904);
      }
      default:
        // Errors such as #N/A and dates in ISO form are what the sheet shows.
        return text;
    }
  }
}

function rowOf(reference: string | undefined): number | undefined {
  const row = Number(reference);
  return reference !== undefined && Number.isInteger(row) && row > 0 ? row : undefined;
}
