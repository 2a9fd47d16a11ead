import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';

/**
 * The lines of NDJSON text that are not empty, in pieces as they arrive. Ending early closes `text`; its errors are thrown, so what was cut
 * never passes for all there is.
 */
export async function* ndjsonLines(text: Readable): AsyncGenerator<string[]> {
  text.setEncoding('utf8');
  let rest = '';
  for await (const chunk of text as AsyncIterable<string>) {
    const lines = `${rest}${chunk}`.split('\n');
    rest = lines.pop() ?? '';
    yield lines.filter((line) => line !== '');
  }
  if (rest !== '') yield [rest];
}

/** The values of NDJSON text, in pieces as they arrive. Ends and fails as `ndjsonLines` does. */
export async function* ndjsonPieces(text: Readable): AsyncGenerator<unknown[]> {
  for await (const lines of ndjsonLines(text)) yield lines.map((line): unknown => JSON.parse(line));
}

/** The lines of an NDJSON.gz stream, in pieces as they arrive. Ends and fails as `ndjsonLines` does. */
export function ndjsonGzLines(packed: Readable): AsyncGenerator<string[]> {
  const text = createGunzip();
  // An error of either stream ends both, and is thrown where the text is read.
  pipeline(packed, text, () => undefined);
  return ndjsonLines(text);
}

/** The values of an NDJSON.gz stream, one at a time, as `schema` takes them. Ends and fails as `ndjsonLines` does. */
export async function* readNdjsonGz<T>(packed: Readable, schema: { parse(value: unknown): T }): AsyncGenerator<T> {
  for await (const lines of ndjsonGzLines(packed)) for (const line of lines) yield schema.parse(JSON.parse(line));
}
