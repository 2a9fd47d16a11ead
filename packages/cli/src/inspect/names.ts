import { createHash } from 'node:crypto';
import { basename } from 'node:path';

// File systems allow 255 bytes; the longest ending that we add has 16.
const LONGEST_NAME = 200;
// What separates folders, ends names or cannot stand in one on some system.
const UNSAFE = /[/\\:*?"<>|\p{Cc}]/gu;

/** What the document of a table is called: its file as given, followed by the entry or sheet where there are several. */
export function documentName(path: string, tableName: string, tables: number): string {
  if (tables === 1) return path;
  const name = basename(path);
  return `${path}.${tableName.startsWith(`${name}.`) ? tableName.slice(name.length + 1) : tableName}`;
}

/** Gives documents of files at `path` names for what is written of them, safe in a folder and never given twice. */
export function createOutputNames(): (path: string, document: string) => string {
  const taken = new Set<string>();
  return (path, document) => {
    const wanted = `${basename(path)}${document.slice(path.length)}`.replace(UNSAFE, '_');
    const base = Buffer.byteLength(wanted) <= LONGEST_NAME ? wanted : shortened(wanted);
    // Some file systems take names that differ in case or composition for one.
    const key = (name: string): string => name.normalize('NFC').toLowerCase();
    let name = base;
    for (let n = 2; taken.has(key(name)); n++) name = `${base}_${n}`;
    taken.add(key(name));
    return name;
  };
}

function shortened(name: string): string {
  const digest = createHash('sha256').update(name).digest('hex').slice(0, 12);
  const characters = [...name];
  while (Buffer.byteLength(characters.join('')) > LONGEST_NAME - digest.length - 1) characters.pop();
  return `${characters.join('')}_${digest}`;
}
