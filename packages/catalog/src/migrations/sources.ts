import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FUNCTION_SECURITY } from '../roles.js';

const ROOT = join(__dirname, '..', '..');

export interface SqlFile {
  name: string;
  text: string;
  /** SHA-256 of the text, hex. */
  checksum: string;
}

const toFile = (name: string, text: string): SqlFile => ({
  name,
  text,
  checksum: createHash('sha256').update(text).digest('hex'),
});
const read = (name: string, path: string): SqlFile => toFile(name, readFileSync(path, 'utf8'));

/** What changes tables, in order: `prisma/migrations/<name>/migration.sql`, as the migration tools of Prisma lay it out. */
export function listMigrations(): SqlFile[] {
  const folder = join(ROOT, 'prisma', 'migrations');
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort()
    .map((name) => read(name, join(folder, name, 'migration.sql')));
}

/** Functions, triggers and views: each has one definition, in the file of its aggregate under `sql/`. Last, who may call them. */
export function listRoutines(): SqlFile[] {
  const folder = join(ROOT, 'sql');
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .sort()
    .map((name) => read(name, join(folder, name)));
  return [...files, toFile('rights', FUNCTION_SECURITY)];
}

/** One hash over all files, in order. */
export const hashOf = (files: SqlFile[]): string =>
  createHash('sha256')
    .update(files.map(({ name, checksum }) => `${name} ${checksum}\n`).join(''))
    .digest('hex');

export const schemaHash = (): string => hashOf([...listMigrations(), ...listRoutines()]);
