import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type Resource, resourceSchema } from '@songhua/contracts';
import { reasonOf, SonghuaError } from '@songhua/domain';
import { parseAllDocuments } from 'yaml';

/** Resources of files, and where each stands. */
export interface Read {
  resources: Resource[];
  /** `file document N` by `Kind/name`. */
  origins: Map<string, string>;
}

const STDIN = '-';

/**
 * Every resource in files, folders, or standard input (`-`), as one list; throws `resource.invalid` naming the file, the document and each wrong
 * field, and a resource that is there twice.
 */
export async function readResources(paths: readonly string[]): Promise<Read> {
  const read: Read = { resources: [], origins: new Map() };
  const problems: string[] = [];
  if (paths.filter((path) => path === STDIN).length > 1)
    throw new SonghuaError('usage.file', 'standard input can be read once: give -f - once', { actor: 'operator' });
  const contents = (await Promise.all(paths.map(contentsOf))).flat();
  for (const { file, content } of contents) {
    for (const [index, document] of parseAllDocuments(content).entries()) {
      if (!('errors' in document)) continue;
      const where = `${file} document ${index + 1}`;
      for (const error of document.errors) problems.push(`${where}: ${error.message}`);
      if (document.errors.length > 0 || document.contents === null) continue;
      const parsed = resourceSchema.safeParse(document.toJS());
      if (!parsed.success) {
        for (const issue of parsed.error.issues) problems.push(`${where}: ${issue.path.join('.')}: ${issue.message}`);
        continue;
      }
      const id = idOf(parsed.data);
      const before = read.origins.get(id);
      if (before !== undefined) problems.push(`${where}: ${id} stands in ${before} already`);
      read.origins.set(id, where);
      read.resources.push(parsed.data);
    }
  }
  if (problems.length > 0)
    throw new SonghuaError(
      'resource.invalid',
      `${problems.join('\n  ')}\nnothing was applied: correct these and apply again`,
      { actor: 'department' },
    );
  return read;
}

export const idOf = ({ kind, metadata }: Resource): string => `${kind}/${metadata.name}`;

async function contentsOf(path: string): Promise<{ file: string; content: string }[]> {
  if (path === STDIN) return [{ file: 'standard input', content: await text(process.stdin) }];
  const info = await stat(path).catch(() => undefined);
  if (!info)
    throw new SonghuaError('usage.file', `${path} is not there: name a YAML or JSON file, or a folder of them`, {
      actor: 'operator',
    });
  const names = info.isDirectory()
    ? (await readdir(path))
        .filter((file) => /\.(ya?ml|json)$/i.test(file))
        .sort()
        .map((file) => join(path, file))
    : [path];
  return Promise.all(names.map(async (file) => ({ file, content: await readFile(file, 'utf8') })));
}

/** The same error, saying in which file and document the resources stand that it is about. */
export function located(error: unknown, { origins }: Read): unknown {
  const { errors } = ((error as Partial<SonghuaError>).details ?? {}) as {
    errors?: { path: string; message: string }[];
  };
  if (!Array.isArray(errors) || errors.length === 0) return error;
  const { code, actor } = reasonOf(error);
  const lines = errors.map(({ path, message }) => {
    const origin = origins.get(path.split(' ')[0] ?? '');
    return `${origin === undefined ? '' : `${origin}: `}${path}: ${message}`;
  });
  const details = { status: (error as Partial<SonghuaError>).details?.status };
  return new SonghuaError(code, `${lines.join('\n  ')}\nnothing was applied: correct these and apply again`, {
    actor,
    cause: error,
    details,
  });
}
