import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';

export const root = resolve(__dirname, '../..');

const NOT_OURS = new Set(['node_modules', 'dist', 'generated']);

/** Files below `folder` of the checkout that end in one of `endings`, without what is installed or made; paths from the root. */
function filesBelow(folder: string, endings: RegExp): string[] {
  return readdirSync(join(root, folder)).flatMap((name) => {
    const path = join(folder, name);
    if (NOT_OURS.has(name) || name.startsWith('.')) return [];
    if (statSync(join(root, path)).isDirectory()) return filesBelow(path, endings);
    return endings.test(name) ? [path] : [];
  });
}

export interface Document {
  /** From the root of the checkout. */
  path: string;
  text: string;
}

const read = (path: string): Document => ({ path, text: readFileSync(join(root, path), 'utf8') });

/** Every document for people. */
export const documents = (): Document[] =>
  ['README.md', ...['docs', 'deploy', 'infra'].flatMap((folder) => filesBelow(folder, /\.md$/))].map(read);

/** The code that runs: no tests. */
export const livingCode = (): Document[] =>
  ['packages', 'services', 'infra']
    .flatMap((folder) => filesBelow(folder, /(?<!\.test)\.(ts|sql|mjs|cjs|js)$/))
    .map(read);
