import { openDelimited } from './delimited/open.js';
import { formatError } from './errors.js';
import { openFixedWidth } from './fixed/open.js';
import { openJson } from './json/open.js';
import type { Format } from './types.js';
import { openXlsx } from './xlsx/open.js';
import { openXml } from './xml/open.js';

const HTML =
  /^\s*(<!--[\s\S]{0,2000}?-->\s*)*(<!doctype\s+html|<html[\s>]|<head[\s>]|<body[\s>]|<script[\s>]|<meta\s|<title[\s>])/i;
// Comments, quotes of the wrong kind and bare keys begin what was meant as JSON, and is refused as such.
const JSON_START =
  /^\s*((\/\/[^\n]*\n|\/\*[\s\S]{0,2000}?\*\/)\s*)*(\{\s*(["'}]|[A-Za-z_]\w*\s*:)|\[\s*(\{|\[|"|\]|(-?\d[\d.eE+-]*|null|true|false|[-+]?Infinity|NaN)\s*[,\]]))/;
const JSON_LINE = /^\s*\{\s*"[^"]*"\s*:.*\}\s*$/;
// A line before or among objects that is none, such as what a program printed, does not make them a table.
const FEWEST_LINES = 3;
const XML_START =
  /^\s*(<\?xml\s|(<!--[\s\S]{0,2000}?-->\s*)*<(!DOCTYPE\s+(?!html)|[A-Za-z_\x80-\xff][^\s<>/,;]*(\s[^<>]*)?\/?>(?!\s*[,;|\t])))/i;

const startText = (head: Buffer): string =>
  head
    .subarray(0, 4096)
    .toString('latin1')
    .replace(/^(\xef\xbb\xbf|\xff\xfe|\xfe\xff)/, '')
    .replaceAll('\0', '');

function isJson(head: Buffer): boolean {
  const text = startText(head);
  if (JSON_START.test(text)) return true;
  const lines = text
    .split('\n')
    .slice(0, text.length < head.length ? -1 : undefined)
    .filter((line) => /\S/.test(line));
  return lines.length >= FEWEST_LINES && lines.filter((line) => JSON_LINE.test(line)).length > lines.length / 2;
}

/** A page instead of data: an error, a login, a listing. It is never read as a table. */
const html: Format = {
  name: 'html',
  recognize: (head) => (HTML.test(startText(head)) ? 'begins like an HTML page' : undefined),
  open: async ({ source }) => {
    throw formatError(
      'source.html',
      `${source.name} is an HTML page, not data: the source probably answered with an error or a login page; open its address in a browser. 返回的是网页而不是数据`,
      { file: source.name },
    );
  },
};

function unsupported(name: string, recognize: Format['recognize']): Format {
  return {
    name,
    recognize,
    open: async ({ source }) => {
      throw formatError(
        'format.unsupported',
        `${source.name} is ${name}, which cannot be read yet: export it as CSV. 暂不支持该格式，请导出为 CSV`,
        { file: source.name, format: name },
      );
    },
  };
}

const begins =
  (...bytes: number[]) =>
  (head: Buffer): string | undefined =>
    bytes.every((byte, i) => head[i] === byte) ? 'begins with its signature' : undefined;

const delimited: Format = {
  name: 'delimited',
  recognize: () => 'text that is nothing else',
  open: openDelimited,
};

/** In the order in which they are asked; the last one takes all text. */
export const FORMATS: Format[] = [
  unsupported('an old Excel workbook (XLS), or one with a password', begins(0xd0, 0xcf, 0x11, 0xe0)),
  unsupported('a PDF document', begins(0x25, 0x50, 0x44, 0x46)),
  unsupported('Parquet', begins(0x50, 0x41, 0x52, 0x31)),
  html,
  {
    name: 'xml',
    recognize: (head) => (XML_START.test(startText(head)) ? 'begins with an XML declaration or element' : undefined),
    open: openXml,
  },
  {
    name: 'json',
    recognize: (head) => (isJson(head) ? 'begins like JSON' : undefined),
    open: openJson,
  },
  delimited,
];

const xlsx: Format = { name: 'xlsx', recognize: () => undefined, open: openXlsx };

/** The office document that the parts of a ZIP archive are, if any. */
export function workbookFormat(paths: string[]): Format | undefined {
  const has = (path: string): boolean => paths.includes(path);
  if (has('[Content_Types].xml')) {
    if (has('xl/workbook.bin')) return unsupported('a binary Excel workbook (XLSB)', () => undefined);
    if (has('word/document.xml')) return unsupported('a Word document', () => undefined);
    if (has('ppt/presentation.xml')) return unsupported('a presentation', () => undefined);
    return paths.some((path) => /(^|\/)workbook\d*\.xml$/i.test(path)) ? xlsx : undefined;
  }
  if (has('content.xml') && has('mimetype')) return unsupported('an OpenDocument file', () => undefined);
  return undefined;
}

/** Recognized by nothing but being told. */
export const FIXED_WIDTH: Format = { name: 'fixed-width', recognize: () => undefined, open: openFixedWidth };
