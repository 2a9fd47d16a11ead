import picomatch from 'picomatch';

/** The folder part of a pattern that has no glob characters: what must be listed, with its last `/`, or ''. */
export function fixedFolder(pattern: string): string {
  const { base, isGlob } = picomatch.scan(pattern);
  const fixed = isGlob ? base : pattern.slice(0, pattern.lastIndexOf('/'));
  return fixed === '' || fixed === '.' ? '' : fixed.endsWith('/') ? fixed : `${fixed}/`;
}

/** Whether a path is the pattern itself, or matches it as a glob (`*` within a folder, `**` across folders, `{a,b}`). */
export function matcher(pattern: string): (path: string) => boolean {
  const matches = picomatch(pattern);
  return (path) => path === pattern || matches(path);
}
