import type { Command } from 'commander';
import { createProgram } from '../src/program.js';

export interface Line {
  document: string;
  text: string;
  /** In a block that is copied as it stands; in running text arguments and options may be left out. */
  whole: boolean;
}

// What ends a command in a shell: a comment, a pipe, a redirection, the end of a substitution.
const END = /\s(?:#|\||[0-9]?>|<|&&)|[);]|$/;

/** Command lines of `songhua` in a document, in blocks and in running text. */
export function linesOf(document: string, markdown: string): Line[] {
  const blocks = /^```(\S*)[^\n]*\n([\s\S]*?)^```/gm;
  const inBlocks = [...markdown.matchAll(blocks)].flatMap(([, language, text = '']) =>
    language === 'sh' ? text.split('\n').flatMap((line) => invocations(line)) : [],
  );
  const inText = [...markdown.replace(blocks, '').matchAll(/`((?:npx )?songhua [a-z][^`]*)`/g)].flatMap(
    ([, text = '']) => alternatives(text),
  );
  return [
    ...inBlocks.map((text) => ({ document, text, whole: true })),
    ...inText.map((text) => ({ document, text, whole: false })),
  ];
}

function invocations(line: string): string[] {
  return [...line.replace(/^#.*|\s#.*/, '').matchAll(/(?:^|[\s(])songhua ([a-z].*)/g)].map(([, rest = '']) =>
    rest.slice(0, rest.search(END)).trim(),
  );
}

/** `keys create | list` says `keys create` and `keys list`. */
function alternatives(text: string): string[] {
  const [first = '', ...others] =
    text
      .replace(/^(npx )?songhua /, '')
      .split(' < ')[0]
      ?.split(' | ') ?? [];
  const before = first.split(' ').slice(0, -1).join(' ');
  return [first, ...others.map((other) => `${before} ${other}`)].map((one) => one.trim());
}

/** What is wrong with a command line; undefined when the command line knows it. Nothing is run. */
export function wrongWith({ text, whole }: Line): string | undefined {
  const program = createProgram();
  silence(program);
  if (!whole) allowLess(program);
  try {
    program.parse(wordsOf(text), { from: 'user' });
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

function silence(command: Command): void {
  command.action(() => undefined).configureOutput({ writeErr: () => undefined, writeOut: () => undefined });
  // A group of commands is no command: named alone, or with a word that it does not have, it is wrong.
  if (command.commands.length > 0) command.action(() => command.error(`no such command below "${command.name()}"`));
  for (const below of command.commands) silence(below);
}

function allowLess(command: Command): void {
  for (const option of command.options) option.mandatory = false;
  for (const argument of command.registeredArguments) argument.required = false;
  for (const below of command.commands) allowLess(below);
}

const wordsOf = (text: string): string[] =>
  [...text.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(([, single, double, bare]) => single ?? double ?? bare ?? '');
