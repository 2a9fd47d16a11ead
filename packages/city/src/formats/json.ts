import { rowsOf } from '../rows.js';
import type { DatasetPlan } from '../types.js';
import { arrangerOf, headersOf } from './headers.js';
import type { SourceFormat } from './types.js';

const PIECE_CHARS = 128 * 1024;
const NUMBER = /^-?(0|[1-9]\d{0,14})(\.\d+)?$/;

interface Style {
  head: string;
  record: string;
  cell: string;
  colon: string;
  recordEnd: string;
  tail: string;
  /** Whether a record has no key for a cell without value, rather than null. */
  sparse: boolean;
}

const HEAD = '{"code":200,"message":"成功","data":{"records":[';
const ONE_LINE: Style = { head: HEAD, record: '{', cell: '', colon: ':', recordEnd: '}', tail: ']}}', sparse: false };
const LINE_A_RECORD: Style = { ...ONE_LINE, record: '\n{', tail: '\n]}}\n' };
const PRETTY: Style = {
  head: '{\n  "code": 200,\n  "message": "成功",\n  "data": {\n    "records": [',
  record: '\n      {',
  cell: '\n        ',
  colon: ': ',
  recordEnd: '\n      }',
  tail: '\n    ]\n  }\n}\n',
  sparse: true,
};

function styleOf({ shape }: DatasetPlan): Style {
  if (shape === 'pretty-json') return PRETTY;
  return shape === 'one-line-json' ? ONE_LINE : LINE_A_RECORD;
}

/** What a platform's interface answers with: a code, a count, and the records below. */
export const json: SourceFormat = {
  name: 'json',
  mediaType: 'application/json; charset=utf-8',
  *encode(plan, part) {
    const style = styleOf(plan);
    const arrange = arrangerOf(part);
    const keys = arrange(headersOf(plan)).map((header) => JSON.stringify(header));
    const types = arrange(plan.fields.map((field) => field.type));
    let text = style.head;
    let first = true;
    if (plan.state !== 'empty') {
      for (const row of rowsOf(plan, part)) {
        const cells = arrange(row);
        text += (first ? '' : ',') + style.record;
        first = false;
        let comma = '';
        for (let k = 0; k < keys.length; k++) {
          const cell = cells[k] as string;
          if (style.sparse && cell === '') continue;
          text += `${comma}${style.cell}${keys[k]}${style.colon}${jsonOf(cell, types[k])}`;
          comma = ',';
        }
        text += style.recordEnd;
        if (text.length >= PIECE_CHARS) {
          yield Buffer.from(text);
          text = '';
        }
      }
    }
    yield Buffer.from(text + style.tail);
  },
};

function jsonOf(cell: string, type: string | undefined): string {
  if (cell === '') return 'null';
  return (type === 'integer' || type === 'decimal') && NUMBER.test(cell) ? cell : JSON.stringify(cell);
}
