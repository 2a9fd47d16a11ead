import { rowsOf } from '../rows.js';
import { arrangerOf, headersOf } from './headers.js';
import type { SourceFormat } from './types.js';

const PIECE_CHARS = 128 * 1024;
const NUMBER = /^-?(0|[1-9]\d{0,14})(\.\d+)?$/;

/** What a platform's interface answers with: a code, a count, and the records below. */
export const json: SourceFormat = {
  name: 'json',
  mediaType: 'application/json; charset=utf-8',
  *encode(plan, part) {
    const arrange = arrangerOf(part);
    const keys = arrange(headersOf(plan)).map((header) => JSON.stringify(header));
    const types = arrange(plan.fields.map((field) => field.type));
    let text = '{"code":200,"message":"成功","data":{"records":[';
    let first = true;
    if (plan.state !== 'empty') {
      for (const row of rowsOf(plan, part)) {
        const cells = arrange(row);
        text += first ? '\n{' : ',\n{';
        first = false;
        for (let k = 0; k < keys.length; k++)
          text += `${k > 0 ? ',' : ''}${keys[k]}:${jsonOf(cells[k] as string, types[k])}`;
        text += '}';
        if (text.length >= PIECE_CHARS) {
          yield Buffer.from(text);
          text = '';
        }
      }
    }
    yield Buffer.from(`${text}\n]}}\n`);
  },
};

function jsonOf(cell: string, type: string | undefined): string {
  if (cell === '') return 'null';
  return (type === 'integer' || type === 'decimal') && NUMBER.test(cell) ? cell : JSON.stringify(cell);
}
