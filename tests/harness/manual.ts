import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';

const root = resolve(__dirname, '../..');
const END = '@@end';

/** A fenced block of a document. */
export interface Block {
  /** After the fence: `sh`, `text`, or a language and the file that holds the text. */
  info: string;
  text: string;
}

/** A line of a shell block as it was run. */
export interface Ran {
  text: string;
  /** Index of its block in the document. */
  block: number;
  code: number;
  stdout: string;
}

export interface Walk {
  blocks: Block[];
  /** Where a reader would be; it is no checkout. */
  folder: string;
  env: NodeJS.ProcessEnv;
  /** What is run in place of a line; undefined leaves it out. The line itself when absent. */
  instead?: (line: string) => string | undefined;
}

export const blocksOf = (markdown: string): Block[] =>
  [...markdown.matchAll(/^```([^\n]+)\n([\s\S]*?)^```/gm)].map(([, info = '', text = '']) => ({ info, text }));

/** The lines of the shell blocks that are to be typed. */
export const linesOf = (blocks: Block[]): { text: string; block: number }[] =>
  blocks.flatMap(({ info, text }, block) =>
    info === 'sh'
      ? text
          .replaceAll('\\\n', ' ')
          .split('\n')
          .filter((line) => line.trim() !== '')
          .map((line) => ({ text: line, block }))
      : [],
  );

/** Writes the files that blocks name below `folder`. */
export function writeFiles(blocks: Block[], folder: string): void {
  for (const { info, text } of blocks) {
    const [, file] = info.split(' ');
    if (file === undefined) continue;
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  }
}

/** Runs a document's shell blocks in one shell, as somebody who copies them line by line. */
export function walk({ blocks, folder, env, instead = (line) => line }: Walk): Ran[] {
  const lines = linesOf(blocks).flatMap((line) => {
    const run = instead(line.text);
    return run === undefined ? [] : [{ ...line, run }];
  });
  const script = lines.map(({ run }) => `${run}\necho "${END} $?"`).join('\n');
  const { stdout, stderr } = spawnSync('sh', ['-c', script], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, ...env, PATH: `${toolsIn(folder)}${delimiter}${process.env.PATH}` },
    maxBuffer: 1 << 26,
    // Jest's own limit cannot end a call that blocks.
    timeout: 540_000,
  });
  const ends = [...stdout.matchAll(new RegExp(`([\\s\\S]*?)${END} (\\d+)\\n`, 'g'))];
  if (ends.length !== lines.length) throw new Error(`the shell ended early\n${stdout}\n${stderr}`);
  if (ends.some(([, , code]) => code !== '0')) process.stderr.write(stderr);
  return lines.map(({ text, block }, at) => ({
    text,
    block,
    stdout: ends[at]?.[1] ?? '',
    code: Number(ends[at]?.[2]),
  }));
}

/** Lines of the `text` blocks that the commands of the shell block before them did not print; `…` stands for the rest of a line. */
export function notShown(blocks: Block[], ran: Ran[]): { line: string; printed: string[] }[] {
  return blocks.flatMap(({ info, text }, at) => {
    const before = ran.filter(({ block }) => block === at - 1);
    if (info !== 'text' || before.length === 0) return [];
    const printed = squeeze(before.map(({ stdout }) => stdout).join(''))
      .split('\n')
      .map(squeeze);
    const isShown = (line: string): boolean => {
      const start = line.endsWith('…') ? line.slice(0, -1).trim() : undefined;
      return printed.some((one) => (start === undefined ? one === line : one.startsWith(start)));
    };
    return squeeze(text)
      .split('\n')
      .map(squeeze)
      .filter((line) => !isShown(line))
      .map((line) => ({ line, printed }));
  });
}

const squeeze = (text: string): string => text.replace(/[^\S\n]+/g, ' ').trim();

/** A folder with what the documents' commands need: `npx songhua` as in a checkout, and `curl`, which not every machine has. */
function toolsIn(folder: string): string {
  const bin = join(folder, '.bin');
  mkdirSync(bin, { recursive: true });
  tool(
    bin,
    'npx',
    `[ "$1" = songhua ] || exit 127\nshift\nexec '${process.execPath}' '${join(root, 'packages/cli/bin/songhua.js')}' "$@"`,
  );
  tool(bin, 'curl', `exec '${process.execPath}' '${join(__dirname, 'curl.cjs')}' "$@"`);
  return bin;
}

function tool(bin: string, name: string, body: string): void {
  writeFileSync(join(bin, name), `#!/bin/sh\n${body}\n`);
  chmodSync(join(bin, name), 0o755);
}
