import { codeOf } from '@songhua/domain';
import { tooLarge } from '../container/spool.js';
import { tooLong } from '../delimited/scan-errors.js';
import { LF } from '../delimited/spec.js';
import { TextWindow } from '../delimited/window.js';
import { createDecoder, createLateDecoder, decodeEnd } from '../encoding/decode.js';
import { LineOffsets } from '../encoding/lines.js';
import type { Limits } from '../limits.js';
import { throwIfAborted } from '../rows/aborted.js';
import type { ByteSource, Decoder } from '../types.js';
import type { Tokenizer } from './tokens.js';

export interface JsonText {
  source: ByteSource;
  limits: Limits;
  encoding: { encoding: string; bom: number; undecided: boolean };
  /** One value a line. */
  lines: boolean;
}

export interface Feeding {
  tokenizer: Tokenizer;
  /** A line that is not JSON, in NDJSON; the tokenizer stands at its begin. */
  badLine(raw: string): void;
  /** Told how to find where in the source the token or line being read begins. */
  placed?(offsetOf: () => number | undefined): void;
  signal?: AbortSignal | undefined;
}

// Keys are repeated in every line, and left out of rows.
const KEYS_SHARE = 4;

/** Streams a text through a tokenizer; yields after every chunk, so that what came of it can be passed on. */
export async function* feed(text: JsonText, feeding: Feeding): AsyncGenerator<void> {
  const { source, limits, encoding } = text;
  const decoder: Decoder = encoding.undecided ? createLateDecoder(() => undefined) : createDecoder(encoding.encoding);
  const window = new TextWindow(encoding.bom, false);
  const exact = encoding.encoding === 'utf-8' && !encoding.undecided;
  const offsets = exact || !text.lines ? undefined : new LineOffsets(encoding.encoding, LF);
  const { tokenizer } = feeding;
  feeding.placed?.(() => {
    // Offsets of decoded text are the source's own only in UTF-8; elsewhere they are known of lines.
    if (decoder.encoding === 'utf-8') return window.base + tokenizer.at;
    return tokenizer.line === 1 ? encoding.bom : offsets?.offsetOf(tokenizer.line);
  });
  let mark = encoding.bom;
  let bytes = 0;
  for await (const chunk of source.chunks()) {
    throwIfAborted(source.name, feeding.signal);
    bytes += chunk.length;
    if (bytes > limits.bytes) throw tooLarge(source.name, limits.bytes);
    offsets?.add(chunk);
    window.load(decoder.decode(mark === 0 ? chunk : chunk.subarray(mark), false), false);
    mark = 0;
    step(text, feeding, window, false);
    yield;
  }
  window.load(decodeEnd(decoder), true);
  step(text, feeding, window, true);
  yield;
}

function step(text: JsonText, feeding: Feeding, window: TextWindow, last: boolean): void {
  const { tokenizer } = feeding;
  tokenizer.dirty = window.dirty;
  if (text.lines) runLines(text, feeding, window);
  else window.start = tokenizer.run(window.work, window.start, window.end, last);
}

function runLines({ source, limits }: JsonText, feeding: Feeding, window: TextWindow): void {
  const { tokenizer } = feeding;
  for (;;) {
    const at = window.work.indexOf(LF, window.start);
    if (at < 0 || at >= window.end) break;
    const { line } = tokenizer;
    try {
      tokenizer.run(window.work, window.start, at, true);
    } catch (error) {
      if (codeOf(error) !== 'json.invalid') throw error;
      tokenizer.at = window.start;
      feeding.badLine(window.work.toString('utf8', window.start, at));
    }
    tokenizer.reset();
    tokenizer.line = line + 1;
    window.start = at + 1;
  }
  if (window.end - window.start > limits.rowBytes * KEYS_SHARE) {
    throw tooLong(source.name, tokenizer.line, 'limit.row-bytes', limits.rowBytes);
  }
}
