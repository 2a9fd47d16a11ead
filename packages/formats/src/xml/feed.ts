import { codeOf } from '@songhua/domain';
import { SaxesParser, type SaxesTagPlain } from 'saxes';
import { tooLarge } from '../container/spool.js';
import { tooLong } from '../delimited/scan-errors.js';
import { formatError } from '../errors.js';
import { tooDeep } from '../json/tokens.js';
import type { Limits } from '../limits.js';
import { throwIfAborted } from '../rows/aborted.js';

export interface XmlHandler {
  /** Names are as written, prefix included. */
  open(name: string, attributes: Record<string, string>, line: number): void;
  text(text: string): void;
  close(name: string): void;
}

export interface XmlText {
  name: string;
  chunks(): AsyncIterable<Buffer>;
  encoding: string;
  limits: Limits;
}

// Strings this long are cheap to make and bound what one step can hold.
const STEP_BYTES = 64 * 1024;

/**
 * Streams XML through a handler, and yields after every step. Throws `xml.doctype` (nothing that a document defines is ever
 * expanded), `xml.invalid`, `encoding.invalid`, `limit.depth`, `limit.field-bytes`.
 */
export async function* feedXml(text: XmlText, handler: XmlHandler, signal?: AbortSignal): AsyncGenerator<void> {
  const { name, limits, encoding } = text;
  const progress = { event: 0 };
  const parser = createParser(text, handler, progress);
  const decoder = new TextDecoder(encoding, { fatal: true });
  let bytes = 0;
  const write = (piece: Buffer | undefined): void => {
    const decoded = decode(decoder, piece, { name, encoding, line: parser.line, offset: bytes });
    try {
      if (decoded !== '') parser.write(decoded);
      if (piece === undefined) parser.close();
    } catch (error) {
      throw codeOf(error) === undefined ? invalid(name, parser.line, error as Error) : error;
    }
    if (parser.position - progress.event > limits.fieldBytes + STEP_BYTES) {
      throw tooLong(name, parser.line, 'limit.field-bytes', limits.fieldBytes);
    }
    bytes += piece?.length ?? 0;
    if (bytes > limits.bytes) throw tooLarge(name, limits.bytes);
  };
  for await (const chunk of text.chunks()) {
    throwIfAborted(name, signal);
    for (let at = 0; at < chunk.length; at += STEP_BYTES) {
      write(chunk.subarray(at, at + STEP_BYTES));
      yield;
    }
  }
  write(undefined);
  yield;
}

function createParser({ name, limits }: XmlText, handler: XmlHandler, progress: { event: number }): SaxesParser {
  const parser = new SaxesParser({ xmlns: false, position: true });
  let depth = 0;
  parser.on('doctype', () => {
    throw formatError(
      'xml.doctype',
      `${name} line ${parser.line} declares a document type (DTD), which is refused: export it without. 不接受含 DTD 的 XML`,
      { file: name, line: parser.line },
    );
  });
  parser.on('opentag', (tag: SaxesTagPlain) => {
    progress.event = parser.position;
    if (++depth > limits.depth) throw tooDeep(name, parser.line, limits.depth);
    handler.open(tag.name, tag.attributes as Record<string, string>, parser.line);
  });
  const text = (value: string): void => {
    progress.event = parser.position;
    handler.text(value);
  };
  parser.on('text', text);
  parser.on('cdata', text);
  parser.on('closetag', (tag: SaxesTagPlain) => {
    progress.event = parser.position;
    depth--;
    handler.close(tag.name);
  });
  return parser;
}

function decode(
  decoder: InstanceType<typeof TextDecoder>,
  piece: Buffer | undefined,
  at: { name: string; encoding: string; line: number; offset: number },
): string {
  try {
    return piece === undefined ? decoder.decode() : decoder.decode(piece, { stream: true });
  } catch (error) {
    const { name, encoding, line, offset } = at;
    throw formatError(
      'encoding.invalid',
      `${name} is not ${encoding} throughout: after line ${line} and byte ${offset} it holds bytes that are not; export it in one encoding, ` +
        `or name its encoding. 第 ${line} 行之后的编码不一致`,
      { file: name, line, encoding, offset },
      error,
    );
  }
}

const invalid = (name: string, line: number, error: Error): Error =>
  formatError(
    'xml.invalid',
    `${name} line ${line} is not XML: ${problem(error)}; export it again. 第 ${line} 行不是有效的 XML`,
    { file: name, line },
    error,
  );

/** The parser's message without its position, and cut where it quotes the text. */
const problem = (error: Error): string => error.message.replace(/^[\d:]+\s*/, '').slice(0, 120);
