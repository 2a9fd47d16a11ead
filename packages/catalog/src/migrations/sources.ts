import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(__dirname, '..', '..');

export interface SqlFile {
  name: string;
  text: string;
  /** SHA-256 of the text, hex. */
  checksum: string;
}

const read = (name: string, path: string): SqlFile => {
  const text = readFileSync(path, 'utf8');
  return { name, text, checksum: createHash('sha256').update(text).digest('hex') };
};

/** What changes tables, in order: `prisma/migrations/<name>/migration.sql`, as the migration tools of Prisma lay it out. */
export function listMigrations(): SqlFile[] {
  const folder = join(ROOT, 'prisma', 'migrations');
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort()
    .map((name) => read(name, join(folder, name, 'migration.sql')));
}

/** Functions, triggers and views: each has one definition, in the file of its aggregate under `sql/`. */
export function listRoutines(): SqlFile[] {
  const folder = join(ROOT, 'sql');
  return readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .sort()
    .map((name) => read(name, join(folder, name)));
}

/** One hash over all files, in order. */
export const hashOf = (files: SqlFile[]): string =>
  createHash('sha256')
    .update(files.map(({ name, checksum }) => `${name} ${checksum}\n`).join(''))
    .digest('hex');

export const schemaHash = (): string => hashOf([...listMigrations(), ...listRoutines()]);
