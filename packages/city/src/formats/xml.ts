import iconv from 'iconv-lite';
import { rowsOf } from '../rows.js';
import { arrangerOf, headersOf } from './headers.js';
import type { SourceFormat } from './types.js';

const PIECE_CHARS = 128 * 1024;
const NAME = /^[\p{L}_][\p{L}\p{N}_]*$/u;
const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', '\r': '&#13;' };

/** Text as XML writes it. */
export const escapeXml = (text: string): string => text.replace(/[&<>"\r]/g, (c) => ENTITIES[c] as string);

/** Whether a header can be the name of an element. */
export const isElementName = (header: string): boolean => NAME.test(header);

interface Style {
  head: string;
  row: string;
  cell: string;
  cellEnd: string;
  rowEnd: string;
  tail: string;
  /** Whether a row has no element for a cell without value, rather than an empty one. */
  sparse: boolean;
}

const LINE_A_ROW: Style = {
  head: '<rows>\n',
  row: '<row>',
  cell: '',
  cellEnd: '',
  rowEnd: '</row>\n',
  tail: '</rows>\n',
  sparse: false,
};
const INDENTED: Style = {
  head: '  <rows>\n',
  row: '    <row>\n',
  cell: '      ',
  cellEnd: '\n',
  rowEnd: '    </row>\n',
  tail: '  </rows>\n',
  sparse: true,
};

/** What exchange platforms between departments send: an element a row, an element a field. */
export const xml: SourceFormat = {
  name: 'xml',
  mediaType: 'application/xml',
  *encode(plan, part) {
    const gbk = part.dialect.encoding === 'gb18030';
    const encode = (text: string): Buffer => (gbk ? iconv.encode(text, 'gb18030') : Buffer.from(text));
    const arrange = arrangerOf(part);
    const names = arrange(headersOf(plan));
    const style = plan.shape === 'indented-xml' ? INDENTED : LINE_A_ROW;
    let text = `<?xml version="1.0" encoding="${gbk ? 'GB18030' : 'UTF-8'}"?>\n<dataset name="${plan.name}">\n${style.head}`;
    if (plan.state !== 'empty') {
      for (const row of rowsOf(plan, part)) {
        const cells = arrange(row);
        text += style.row;
        for (let k = 0; k < names.length; k++) {
          const cell = cells[k] as string;
          if (style.sparse && cell === '') continue;
          text += `${style.cell}<${names[k]}>${escapeXml(cell)}</${names[k]}>${style.cellEnd}`;
        }
        text += style.rowEnd;
        if (text.length >= PIECE_CHARS) {
          yield encode(text);
          text = '';
        }
      }
    }
    yield encode(`${text}${style.tail}</dataset>\n`);
  },
};
