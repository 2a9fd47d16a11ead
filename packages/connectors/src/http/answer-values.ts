import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { parser } from 'stream-json/Parser';

/** A scalar of an answer: numbers as the digits that they are. */
export interface AnswerValue {
  kind: 'string' | 'number' | 'boolean' | 'null';
  text: string;
}

interface Token {
  name: string;
  value?: string | boolean | null;
}

/**
 * The scalars at `places` (such as `/meta/next`; a number is an element of a list) of the JSON document in a file, by place. Read as it
 * streams by, so that a large page is never in memory. Text that is not JSON has none.
 */
export async function answerValues(path: string, places: string[]): Promise<Map<string, AnswerValue>> {
  const found = new Map<string, AnswerValue>();
  if (places.length === 0) return found;
  const wanted = new Set(places);
  // The way to the value being read: keys, and positions in lists.
  const way: (string | number)[] = [];
  const enter = (): void => {
    const last = way.at(-1);
    if (typeof last === 'number') way[way.length - 1] = last + 1;
  };
  const take = (kind: AnswerValue['kind'], text: string): void => {
    enter();
    const place = `/${way.join('/')}`;
    if (wanted.has(place) && !found.has(place)) found.set(place, { kind, text });
  };
  const file = createReadStream(path, { start: await markLength(path) });
  const tokens = file.pipe(parser({ packValues: true, streamValues: false, jsonStreaming: true }));
  file.once('error', (error) => tokens.destroy(error));
  try {
    for await (const { name, value } of tokens as AsyncIterable<Token>) {
      if (name === 'startObject') {
        enter();
        way.push('');
      } else if (name === 'startArray') {
        enter();
        way.push(-1);
      } else if (name === 'endObject' || name === 'endArray') way.pop();
      else if (name === 'keyValue') way[way.length - 1] = String(value);
      else if (name === 'stringValue') take('string', String(value));
      else if (name === 'numberValue') take('number', String(value));
      else if (name === 'nullValue') take('null', '');
      else take('boolean', String(value));
      if (found.size === wanted.size) break;
    }
  } catch {
    // The reader of the rows says what is wrong with the page, and where.
  } finally {
    file.destroy();
  }
  return found;
}

const MARK = Buffer.from('\uFEFF');

/** Bytes of the byte order mark, which is no JSON. */
async function markLength(path: string): Promise<number> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(MARK.length), 0, MARK.length, 0);
    return bytesRead === MARK.length && buffer.equals(MARK) ? MARK.length : 0;
  } finally {
    await file.close();
  }
}
