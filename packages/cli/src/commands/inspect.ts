import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { codeOf, reasonOf, SonghuaError } from '@songhua/domain';
import type { ReadOptions } from '@songhua/formats';
import { type Command, InvalidArgumentError } from 'commander';
import { action, EXIT } from '../exit.js';
import { bytes, count, printJson } from '../format.js';
import { createOutputNames } from '../inspect/names.js';
import { failureReport, overview, tableReport } from '../inspect/report.js';
import type { InspectDocument, InspectFailure } from '../inspect/types.js';
import { repeated } from '../options.js';
import { createProgress } from '../progress.js';

interface InspectFlags {
  out?: string;
  json?: boolean;
  encoding?: string;
  delimiter?: string;
  quote?: string;
  headerRows?: number;
  preambleRows?: number;
  recordPath?: string;
  fixedWidth?: number[];
  limit?: string[];
  blank?: string[];
}

// Written out, because asking the reader for its limits would load it for every command; a test compares them.
export const LIMITS_HELP =
  'fieldBytes, rowBytes, columns, bytes (unpacked), ratio (unpacked bytes for each packed one), entries (files in an archive), ' +
  'depth (of JSON and XML), sharedBytes (texts of a workbook), mergedRanges (of a workbook), timeMs (reading one file).';

// Half of what a hostile file may make the whole process take; larger tables spill to disk.
const DUCKDB_MB = 128;

/** `inspect FILE…`: what the pipeline would read, without servers. */
export function addInspectCommand(program: Command): void {
  program
    .command('inspect')
    .description('read local files as the pipeline would / 检查文件：编码、分隔、列与类型、被拒行')
    .argument('<files...>')
    .option('--out <dir>', 'write <name>.rows.csv and <name>.rejected.ndjson there')
    .option('--json', 'one JSON document: an object for one table, an array for several')
    .option('--encoding <label>', 'told instead of found, e.g. gb18030')
    .option('--delimiter <text>', 'one or two characters; \\t is a tab', (text) => text.replaceAll('\\t', '\t'))
    .option('--quote <text>', "one character, or '' for none")
    .option('--header-rows <n>', '0 when there is no header', wholeNumber)
    .option('--preamble-rows <n>', 'lines before the header', wholeNumber)
    .option('--record-path <path>', 'where the records of JSON or XML are, e.g. /result/records')
    .option('--fixed-width <widths>', 'text without a delimiter: characters of each column, e.g. 10,8,8', widths)
    .option('--blank <cell>', 'a cell without a value, repeatable; instead of 无, -, N/A, NULL …', repeated)
    .option(
      '--limit <name=value>',
      'how large the source may be in one dimension, repeatable; the names are below',
      repeated,
    )
    .addHelpText(
      'after',
      `\nLimits: ${LIMITS_HELP}` +
        '\nExit code: 0 every file was read, 2 a file cannot be read (why and where is told), 1 something else failed.',
    )
    .action(action(inspect));
}

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('expected a whole number.');
  return Number(text);
}

function widths(text: string): number[] {
  if (!/^[1-9]\d*(,[1-9]\d*)*$/.test(text))
    throw new InvalidArgumentError('expected whole numbers from 1, e.g. 10,8,8.');
  return text.split(',').map(Number);
}

async function inspect(files: string[], flags: InspectFlags): Promise<number> {
  // Loaded late: no other command needs the native library.
  const [{ inspectFile }, { parseLimits }, { createTables }] = await Promise.all([
    import('../inspect/inspect.js'),
    import('../inspect/limits.js'),
    import('@songhua/tables'),
  ]);
  const { out } = flags;
  const options = { ...readOptions(flags), limits: parseLimits(flags.limit ?? []) };
  if (out !== undefined) await makeFolder(out);
  const work = await mkdtemp(join(out ?? tmpdir(), '.songhua-inspect-'));
  const tables = createTables({ memoryMb: DUCKDB_MB, threads: 1, tempDirectory: join(work, 'spill') });
  const progress = createProgress();
  const nameOf = createOutputNames();
  const interrupt = new AbortController();
  // A second signal ends the process as usual.
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => interrupt.abort());
  const results: (InspectDocument | InspectFailure)[] = [];
  let exit: number = EXIT.done;
  try {
    for (const path of files) {
      if (interrupt.signal.aborted) break;
      try {
        const documents = inspectFile(path, {
          tables,
          blanks: flags.blank,
          options,
          work,
          signal: interrupt.signal,
          ...(out === undefined ? {} : { out: { folder: out, nameOf } }),
          onRows: (rows, read) => {
            if (process.stderr.isTTY) progress.update(path, `${count(rows)} rows  ${bytes(read)}`);
          },
        });
        for await (const document of documents) {
          progress.end();
          results.push(document);
          if (!flags.json) console.log(tableReport(document));
        }
      } catch (error) {
        progress.end();
        const { code, message, actor } = reasonOf(error);
        results.push({ file: path, error: { code, message, actor } });
        process.stderr.write(`${failureReport(path, error)}\n`);
        // What the department or the person at the keyboard can put right is wrong input.
        exit = Math.max(exit, actor === 'platform' || code.startsWith('tables.') ? EXIT.failed : EXIT.usage);
      }
    }
  } finally {
    await tables.close();
    await rm(work, { recursive: true, force: true });
  }
  const [only] = results;
  if (flags.json) printJson(files.length === 1 && results.length === 1 ? only : results);
  else if (results.length > 1) console.log(overview(results));
  return exit;
}

function readOptions(flags: InspectFlags): ReadOptions {
  const { encoding, delimiter, quote, headerRows, preambleRows, recordPath, fixedWidth } = flags;
  if (delimiter !== undefined && (delimiter.length < 1 || delimiter.length > 2))
    throw new SonghuaError(
      'usage.delimiter',
      `--delimiter is ${JSON.stringify(delimiter)}: expected one or two characters`,
      {
        actor: 'operator',
      },
    );
  if (quote !== undefined && quote.length > 1)
    throw new SonghuaError('usage.quote', `--quote is ${JSON.stringify(quote)}: expected one character or none`, {
      actor: 'operator',
    });
  return {
    ...(encoding === undefined ? {} : { encoding }),
    ...(delimiter === undefined ? {} : { delimiter }),
    ...(quote === undefined ? {} : { quote }),
    ...(headerRows === undefined ? {} : { headerRows }),
    ...(preambleRows === undefined ? {} : { preambleRows }),
    ...(recordPath === undefined ? {} : { recordPath }),
    ...(fixedWidth === undefined ? {} : { fixedWidth: { widths: fixedWidth } }),
  };
}

async function makeFolder(path: string): Promise<void> {
  try {
    await makeFolders(resolve(path));
  } catch (error) {
    throw new SonghuaError(
      'usage.out',
      `${path} cannot be made a folder (${(error as Error).message}): name another one`,
      {
        actor: 'operator',
        cause: error,
      },
    );
  }
}

/** With those above it. Not Node's own recursive mkdir, which never returns where a file system takes no new names, as below /proc. */
async function makeFolders(path: string): Promise<void> {
  const isFolder = async (): Promise<boolean> => (await stat(path).catch(() => undefined))?.isDirectory() === true;
  if (await isFolder()) return;
  if (dirname(path) !== path) await makeFolders(dirname(path));
  await mkdir(path).catch(async (error: unknown) => {
    // Another call for the same folder may have come first.
    if (codeOf(error) !== 'EEXIST' || !(await isFolder())) throw error;
  });
}
