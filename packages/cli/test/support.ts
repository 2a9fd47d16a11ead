import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { InspectDocument, InspectFailure } from '../src/inspect/types.js';

const SONGHUA = join(__dirname, '..', 'bin', 'songhua.js');

export interface Run {
  exit: number | null;
  stdout: string;
  stderr: string;
  /** Largest resident memory of the process. */
  peakMb: number;
  /** That it computed, whatever else the machine did meanwhile. */
  seconds: number;
}

/** A folder of one test file's own, and the real command in a process of its own. */
export function createBench() {
  const path = mkdtempSync(join(tmpdir(), 'songhua-inspect-test-'));
  let runs = 0;
  async function inspect(...args: string[]): Promise<Run> {
    const peak = join(path, `peak-${++runs}`);
    const child = spawn(
      process.execPath,
      ['--require', join(__dirname, 'peak-memory.cjs'), SONGHUA, 'inspect', ...args],
      {
        cwd: path,
        env: { ...process.env, SONGHUA_TEST_PEAK: peak, NO_COLOR: '1' },
      },
    );
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const exit = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    const used = JSON.parse(readFileSync(peak, 'utf8')) as Pick<Run, 'peakMb' | 'seconds'>;
    return { exit, stdout, stderr, ...used };
  }
  return {
    path,
    inspect,
    write(name: string, content: string | Buffer): string {
      writeFileSync(join(path, name), content);
      return name;
    },
    /** A file of `head`, then `block` many times, then `tail`, written without holding it. */
    writeLarge(name: string, parts: { head: string; block: Buffer; times: number; tail?: string }): string {
      const file = openSync(join(path, name), 'w');
      writeSync(file, parts.head);
      for (let i = 0; i < parts.times; i++) writeSync(file, parts.block);
      writeSync(file, parts.tail ?? '');
      closeSync(file);
      return name;
    },
    /** The documents of files that can be read. */
    async documents(...args: string[]): Promise<InspectDocument[]> {
      const { exit, stdout, stderr } = await inspect('--json', ...args);
      if (exit !== 0) throw new Error(`exit ${exit}: ${stderr}`);
      return [JSON.parse(stdout) as InspectDocument].flat();
    },
    /** The document of one file that can be read, and what was written of it. */
    async document(
      name: string,
      ...args: string[]
    ): Promise<InspectDocument & { cells: string[][]; rejectedRows: Record<string, unknown>[] }> {
      const out = join(path, `out-${++runs}`);
      const { exit, stdout, stderr } = await inspect('--json', '--out', out, name, ...args);
      if (exit !== 0) throw new Error(`exit ${exit}: ${stderr}`);
      const document = JSON.parse(stdout) as InspectDocument;
      const lines = readFileSync(join(out, `${name}.rejected.ndjson`), 'utf8')
        .split('\n')
        .slice(0, -1);
      return {
        ...document,
        cells: parseCsv(readFileSync(join(out, `${name}.rows.csv`), 'utf8')),
        rejectedRows: lines.map((line) => JSON.parse(line) as Record<string, unknown>),
      };
    },
    async failure(...args: string[]): Promise<Run & InspectFailure['error']> {
      const run = await inspect('--json', ...args);
      return { ...run, ...(JSON.parse(run.stdout) as InspectFailure).error };
    },
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}

/** An RFC 4180 reader, apart from the ones under test; throws when the text is not canonical. */
export function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let cell = '';
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i] as string;
    if (quoted) {
      if (c !== '"') cell += c;
      else if (text[i + 1] === '"') {
        cell += '"';
        i++;
      } else quoted = false;
    } else if (c === '"' && (i === 0 || text[i - 1] === ',' || text[i - 1] === '\n')) quoted = true;
    else if (c === '"' || c === '\r') throw new Error(`not canonical at ${i}: ${JSON.stringify(c)}`);
    else if (c === ',' || c === '\n') {
      row.push(cell);
      cell = '';
      if (c === '\n') {
        rows.push(row);
        row = [];
      }
    } else cell += c;
  }
  if (quoted || row.length > 0 || cell !== '') throw new Error('the last record has no line end');
  return rows;
}

/** A ZIP archive of UTF-8 names whose entries are not compressed. */
export function storedZip(entries: Record<string, string>): Buffer {
  const locals: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const [path, content] of Object.entries(entries)) {
    const name = Buffer.from(path);
    const data = Buffer.from(content);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(0x0800, 2);
    common.writeUInt16LE(0x21, 8);
    common.writeUInt32LE(crc32(data), 10);
    common.writeUInt32LE(data.length, 14);
    common.writeUInt32LE(data.length, 18);
    common.writeUInt16LE(name.length, 22);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(offset, 10);
    locals.push(Buffer.from('PK\x03\x04'), common, name, data);
    central.push(Buffer.from('PK\x01\x02\x14\x00'), common, rest, name);
    offset += 30 + name.length + data.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(Object.keys(entries).length, 4);
  end.writeUInt16LE(Object.keys(entries).length, 6);
  end.writeUInt32LE(directory.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...locals, directory, Buffer.from('PK\x05\x06'), end]);
}
