import { createWriteStream } from 'node:fs';
import { chmod, mkdir, readFile, symlink } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { extract } from 'tar';
import yauzl from 'yauzl';
import { z } from 'zod';
import { infraError } from '../errors.js';

function inside(folder: string, path: string): string {
  const target = resolve(folder, path);
  if (target === folder || target.startsWith(folder + sep)) return target;
  throw infraError('engine.checksum', `archive entry ${JSON.stringify(path)} leaves its folder`);
}

/** Unpacks the entries of a wheel whose path `select` maps to a target path; keeps executable bits. */
export async function unpackWheel(
  file: string,
  folder: string,
  select: (path: string) => string | undefined,
): Promise<void> {
  const zip = await yauzl.openPromise(file, { lazyEntries: true });
  try {
    for await (const entry of zip.eachEntry()) {
      const wanted = entry.fileName.endsWith('/') ? undefined : select(entry.fileName);
      if (wanted === undefined) continue;
      const target = inside(folder, wanted);
      await mkdir(dirname(target), { recursive: true });
      await pipeline(await zip.openReadStreamPromise(entry), createWriteStream(target));
      // The upper half holds Unix permissions; wheels made elsewhere leave it 0.
      const mode = (entry.externalFileAttributes >>> 16) & 0o777;
      await chmod(target, mode === 0 ? 0o755 : mode | 0o444);
    }
  } finally {
    zip.close();
  }
}

const linksSchema = z.array(z.object({ source: z.string(), target: z.string() }));

/** Unpacks an npm tarball's `native/` and makes the links its install script would make. */
export async function unpackPostgres(file: string, folder: string): Promise<void> {
  await extract({ file, cwd: folder, strip: 2, filter: (path) => path.startsWith('package/native/') });
  const links = linksSchema.parse(JSON.parse(await readFile(join(folder, 'pg-symlinks.json'), 'utf8')));
  for (const link of links) {
    const target = inside(folder, relative('native', link.target));
    const source = inside(folder, relative('native', link.source));
    await symlink(relative(dirname(target), source) || basename(source), target);
  }
}
