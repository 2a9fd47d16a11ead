import { realpath } from 'node:fs/promises';
import { basename, isAbsolute, join, relative, sep } from 'node:path';
import { isInside, sourceError } from '@songhua/connector-sdk';
import { codeOf, type SonghuaError } from '@songhua/domain';
import { glob, isDynamicPattern } from 'tinyglobby';

export interface FoundFile {
  /** Path below its root, with `/`: what people see. */
  name: string;
  /** Real path, every link resolved, inside a root. */
  path: string;
}

const refused = (path: string, why: string): SonghuaError =>
  sourceError('connector.path-refused', `path ${JSON.stringify(path.slice(0, 300))} ${why}`);

/** Errors of the file system as errors of the source at `name`. */
export function fileError(name: string, error: unknown): unknown {
  const code = codeOf(error);
  const options = { cause: error, details: { file: name } };
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return sourceError(
      'source.missing',
      `file ${name} does not exist; put it there or correct the connector's path`,
      options,
    );
  if (code === 'EACCES' || code === 'EPERM')
    return sourceError(
      'source.denied',
      `file ${name} may not be read (${code}); grant this service read access`,
      options,
    );
  if (code === 'ELOOP' || code === 'EISDIR')
    return sourceError('source.unreadable', `${name} is not a readable file (${code}); name a file or a glob`, options);
  if (code === 'EIO' || code === 'ESTALE' || code === 'EMFILE' || code === 'EBUSY')
    return sourceError(
      'source.failed',
      `file ${name} could not be read just now (${code}); it is tried again`,
      options,
    );
  return error;
}

function checkPath(path: string, roots: string[]): void {
  if (roots.length === 0) throw refused(path, 'cannot be read: no root folder is allowed; set SONGHUA_FILE_ROOTS');
  if (path.includes('\0')) throw refused(path, 'has a NUL character; remove it');
  if (path.split(/[\\/]/).includes('..'))
    throw refused(path, 'has a `..` part; name the file from its root folder down');
}

const ROOT = /^(?:([a-z0-9-]+)=)?(.+)$/s;

/**
 * Folders as the operator writes them: `/srv/inbox` for everybody, `tax-bureau=/srv/inbox/tax` for one department alone, also where it
 * lies in a folder that is for everybody. `open` begins with the department's own.
 */
async function rootsOf(roots: string[], department: string | undefined): Promise<{ open: string[]; closed: string[] }> {
  const parsed = roots.map((root) => ROOT.exec(root) ?? []).map(([, of, folder = '']) => ({ of, folder }));
  const own = parsed.filter(({ of }) => of !== undefined && of === department);
  const shared = parsed.filter(({ of }) => of === undefined);
  const others = parsed.filter(({ of }) => of !== undefined && of !== department);
  const closed = await Promise.all(others.map(({ folder }) => realpath(folder).catch(() => undefined)));
  return {
    open: [...own, ...shared].map(({ folder }) => folder),
    closed: closed.filter((folder) => folder !== undefined),
  };
}

async function realFile(root: string, path: string, name: string): Promise<FoundFile> {
  const real = await realpath(path).catch((error: unknown) => {
    throw fileError(name, error);
  });
  if (!isInside(root, real)) throw refused(name, 'leads out of its root folder by a link; put the file itself inside');
  return { name, path: real };
}

/**
 * The files that `pattern` names: a path or a glob, relative to the first of `roots` that has a match (with or without that folder's own
 * name), or absolute inside one of them. What lies in a root of another department than `department` is as if it were not there.
 * Links are followed when they are named and left out of globs, where they would be the same rows again. Sorted by name, so that the same files always come in the same order. Throws `source.missing` when there is none,
 * `connector.path-refused` for `..`, NUL, a path outside the roots, or a link that leads out of them.
 */
export async function findFiles(pattern: string, roots: string[], department?: string): Promise<FoundFile[]> {
  const { open, closed } = await rootsOf(roots, department);
  checkPath(pattern, open);
  let inside = false;
  for (const given of open) {
    const root = await realpath(given).catch(() => undefined);
    if (root === undefined) continue;
    const within = isAbsolute(pattern) ? belowRoot(pattern, given, root) : pattern;
    if (within === undefined) continue;
    inside = true;
    // People say the folder's own name as well: `inbox/scores.csv` of the root `/srv/inbox`.
    const named = `${basename(given)}/`;
    for (const path of within.startsWith(named) ? [within, within.slice(named.length)] : [within]) {
      const found = (await findBelow(root, path)).filter((file) => !closed.some((other) => isInside(other, file.path)));
      if (found.length > 0) return found;
    }
  }
  if (!inside)
    throw refused(pattern, 'is not inside an allowed root folder; use a path relative to one of SONGHUA_FILE_ROOTS');
  throw sourceError(
    'source.missing',
    `no file matches ${JSON.stringify(pattern)} in the allowed folders; put the file there or correct the connector's path`,
    { details: { path: pattern } },
  );
}

function belowRoot(pattern: string, given: string, root: string): string | undefined {
  for (const base of [given, root]) if (isInside(base, pattern)) return relative(base, pattern);
  return undefined;
}

async function findBelow(root: string, pattern: string): Promise<FoundFile[]> {
  // A name with glob characters in it, such as `data[1].csv`, is found as itself first.
  const literal = await realFile(root, join(root, pattern), pattern.split(sep).join('/')).catch((error: unknown) => {
    if (codeOf(error) === 'source.missing') return undefined;
    throw error;
  });
  if (literal) return [literal];
  if (!isDynamicPattern(pattern)) return [];
  const names = await glob(pattern, { cwd: root, expandDirectories: false, followSymbolicLinks: false });
  names.sort();
  const files: FoundFile[] = [];
  for (const name of names) files.push(await realFile(root, join(root, name), name));
  return files;
}
