import { isAbsolute, relative, sep } from 'node:path';

/**
 * Whether an absolute path, its links resolved, lies below a folder. A name that begins with two dots does, as the `..2026_01_01` into which
 * clusters mount secrets.
 */
export function isInside(folder: string, path: string): boolean {
  const below = relative(folder, path);
  return below !== '' && below !== '..' && !below.startsWith(`..${sep}`) && !isAbsolute(below);
}
