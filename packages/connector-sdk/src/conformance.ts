import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Cursor, type LineRun, MAX_BATCH_BYTES, type RejectedRow } from '@songhua/contracts';
import { cellsOf } from './remap.js';
import type { Connector, Network, SourceMessage } from './types.js';

/** A source that the suite can change, and the connector that reads it. */
export interface ConnectorFixture {
  connector: Connector;
  /** `table`: the source has neither bytes nor lines of its own, nor rows of another width than its columns. */
  source?: 'file' | 'table';
  /** As a person writes it; the suite parses it with the connector's schema. */
  config: unknown;
  secrets?: Record<string, string>;
  /** The network of the suite, which reaches loopback. */
  network: Network;
  /** Makes the source hold exactly this CSV. */
  write(csv: string): Promise<void>;
  /** Makes the source be gone. */
  remove(): Promise<void>;
  close(): Promise<void>;
}

type End = Extract<SourceMessage, { type: 'end' }>;

const LIMITS = { maxBytes: 256 * 1024 * 1024, timeoutMs: 60_000 };
const SMALL = 'id,name,note\n1,道里区,"a, ""b"""\n2,南岗区,\n3,香坊区,x\n';
const PROMPT_MS = 1_000;

const large = (rows: number): string =>
  `id,name,note\n${Array.from({ length: rows }, (_, row) => `${row},松北区${row},"line ${row}, quoted"\n`).join('')}`;

/** What every connector kind must do; `create` starts a source of its own for the suite. */
export function testConnector(create: () => Promise<ConnectorFixture>): void {
  let fixture: ConnectorFixture;
  let folder: string;
  let reads = 0;
  beforeAll(async () => {
    fixture = await create();
    folder = await mkdtemp(join(tmpdir(), 'songhua-conformance-'));
  });
  afterAll(async () => {
    await fixture?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const context = async (cursor?: Cursor, signal = new AbortController().signal) => {
    const tempDir = join(folder, `read-${reads++}`);
    await mkdir(tempDir);
    return {
      config: fixture.connector.configSchema.parse(fixture.config),
      secrets: fixture.secrets ?? {},
      // As it comes back from the manifest or the catalog.
      cursor: cursor === undefined ? undefined : (JSON.parse(JSON.stringify(cursor)) as Cursor),
      signal,
      tempDir,
      limits: LIMITS,
      mode: 'full' as const,
      primaryKey: [],
      network: fixture.network,
    };
  };
  const read = async (cursor?: Cursor): Promise<SourceMessage[]> => {
    const messages: SourceMessage[] = [];
    const given = await context(cursor);
    for await (const message of fixture.connector.read(given)) messages.push(message);
    await rm(given.tempDir, { recursive: true });
    return messages;
  };

  describe('conformance of a connector', () => {
    test('messages come as start, rows and rejected rows, end, in batches of whole rows within the limit', async () => {
      await fixture.write(large(30_000));
      const messages = await read();
      expect(messages[0]).toMatchObject({
        type: 'start',
        columns: [{ name: 'id' }, { name: 'name' }, { name: 'note' }],
      });
      expect(messages.at(-1)?.type).toBe('end');
      const between = messages.slice(1, -1).map((message) => message.type);
      expect(new Set(between.filter((type) => type !== 'lines'))).toEqual(new Set(['rows']));
      for (const message of messages) {
        if (message.type !== 'rows') continue;
        expect(message.csv.length).toBeLessThanOrEqual(MAX_BATCH_BYTES);
        const rows = cellsOf(message.csv, Number.POSITIVE_INFINITY);
        expect(rows).toHaveLength(message.rows);
        expect(rows.every((row) => row.length === 3)).toBe(true);
      }
    });

    test('every row of the source is either a row or a rejected row', async () => {
      if (fixture.source === 'table') {
        await fixture.write(large(1_000));
        const messages = await read();
        expect(rowsOf(messages).length + rejectedOf(messages).length).toBe(1_000);
        return;
      }
      await fixture.write('id,name\n1,a\n2,b,surplus\n3,c\n4\n5,e\n');
      const messages = await read();
      expect(rowsOf(messages).length + rejectedOf(messages).length).toBe(5);
      expect(rowsOf(messages)).toEqual(
        expect.arrayContaining([
          ['1', 'a'],
          ['3', 'c'],
          ['5', 'e'],
        ]),
      );
      for (const row of rejectedOf(messages)) expect(row).toMatchObject({ file: 0, line: expect.any(Number) });
    });

    test('cells keep their text, and it is told where rows of a file stand, in which bytes', async () => {
      await fixture.write(SMALL);
      const messages = await read();
      expect(rowsOf(messages)).toEqual([
        ['1', '道里区', 'a, "b"'],
        ['2', '南岗区', ''],
        ['3', '香坊区', 'x'],
      ]);
      const { files } = endOf(messages);
      if (fixture.source === 'table') return;
      expect(runsOf(messages)).toEqual([{ row: 0, line: 2, file: 0 }]);
      expect(files).toMatchObject([{ bytes: Buffer.byteLength(SMALL), sha256: sha256(SMALL) }]);
    });

    test('the same source read twice gives the same bytes', async () => {
      await fixture.write(large(5_000));
      const bytes = (messages: SourceMessage[]) =>
        messages.map((message) => (message.type === 'rows' ? message.csv.toString('hex') : message.type));
      expect(bytes(await read())).toEqual(bytes(await read()));
    });

    test('an unchanged source yields unchanged and nothing else', async () => {
      await fixture.write(SMALL);
      const { cursor } = endOf(await read());
      const again = await read(cursor);
      expect(again.map((message) => message.type)).toEqual(['unchanged']);
    });

    test('the same content written again is unchanged, and so it stays with the validators that it gives', async () => {
      await fixture.write(SMALL);
      const { cursor } = endOf(await read());
      await fixture.write(SMALL);
      const [unchanged] = await read(cursor);
      expect(unchanged?.type).toBe('unchanged');
      const validators = unchanged?.type === 'unchanged' ? unchanged.validators : undefined;
      expect((await read(validators ?? cursor)).map((message) => message.type)).toEqual(['unchanged']);
    });

    test('changed content is read whole, also when it was changed at once and has the same length', async () => {
      await fixture.write(SMALL);
      const { cursor } = endOf(await read());
      await fixture.write(SMALL.replace('3,香坊区,x', '3,香坊区,y'));
      expect(rowsOf(await read(cursor)).at(-1)).toEqual(['3', '香坊区', 'y']);
    });

    test('a cursor of another kind or version is no cursor', async () => {
      await fixture.write(SMALL);
      expect(endOf(await read({ version: 999, files: 'x' })).type).toBe('end');
    });

    test('an aborted read stops promptly with an error that may be tried again', async () => {
      await fixture.write(large(60_000));
      const abort = new AbortController();
      const given = await context(undefined, abort.signal);
      let rows = 0;
      let stoppedAt = 0;
      const reading = (async () => {
        for await (const message of fixture.connector.read(given)) {
          if (message.type !== 'rows') continue;
          rows += message.rows;
          stoppedAt = Date.now();
          abort.abort();
        }
      })();
      await expect(reading).rejects.toMatchObject({ name: 'SonghuaError', code: expect.stringMatching(/aborted$/) });
      expect(rows).toBeLessThan(60_000);
      expect(Date.now() - stoppedAt).toBeLessThan(PROMPT_MS);
    });

    test('a read that is not wanted any more before it starts reads nothing', async () => {
      const abort = new AbortController();
      abort.abort();
      const given = await context(undefined, abort.signal);
      const first = fixture.connector.read(given)[Symbol.asyncIterator]().next();
      await expect(first).rejects.toMatchObject({ name: 'SonghuaError', code: 'source.aborted' });
    });

    test('a read that is left in the middle leaves no file outside its own folder', async () => {
      await fixture.write(large(30_000));
      const given = await context();
      for await (const message of fixture.connector.read(given)) if (message.type === 'rows') break;
      await rm(given.tempDir, { recursive: true });
      await read();
      expect((await readdir(folder)).filter((name) => name === given.tempDir)).toEqual([]);
    });

    test('a source that is gone is an error that names who can act, from read, test and discover alike', async () => {
      await fixture.write(SMALL);
      await fixture.remove();
      const missing = { name: 'SonghuaError', code: 'source.missing', actor: 'department', retryable: false };
      await expect(read()).rejects.toMatchObject(missing);
      await expect(fixture.connector.test(await context())).rejects.toMatchObject(missing);
      await expect(fixture.connector.discover(await context())).rejects.toMatchObject(missing);
    });

    test('test and discover tell the columns without reading on', async () => {
      await fixture.write(SMALL);
      await expect(fixture.connector.test(await context())).resolves.toMatchObject({ message: expect.any(String) });
      const [stream] = await fixture.connector.discover(await context());
      expect(stream?.columns.map((column) => column.name)).toEqual(['id', 'name', 'note']);
    });
  });
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

function endOf(messages: SourceMessage[]): End {
  const end = messages.find((message): message is End => message.type === 'end');
  if (!end) throw new Error(`no end among ${messages.map((message) => message.type).join(', ')}`);
  return end;
}

const runsOf = (messages: SourceMessage[]): LineRun[] =>
  messages.flatMap((message) => (message.type === 'lines' ? message.runs : []));

const rowsOf = (messages: SourceMessage[]): string[][] =>
  messages.flatMap((message) => (message.type === 'rows' ? cellsOf(message.csv, message.rows) : []));

const rejectedOf = (messages: SourceMessage[]): RejectedRow[] =>
  messages.flatMap((message) => (message.type === 'rejected' ? message.rows : []));
