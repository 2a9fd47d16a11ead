import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from '@jest/globals';

const root = resolve(__dirname, '../..');
const SERVICES = ['connector', 'landing', 'refresh', 'catalog'];

/** `import` and `export … from` of the catalog in a file: what of it, from which entry point, and whether only types. */
function catalogImports(text: string): { entry: string; names: string[]; types: boolean }[] {
  const statements = text.matchAll(
    /(?:import|export) (type )?(?:\{([^}]*)\}|[\w*\s]+) from '@songhua\/catalog(?:\/([\w-]+))?'/g,
  );
  return [...statements].map(([, types, list = '', entry = '']) => {
    const names = list.split(',').map((name) => name.trim());
    const named = names.filter((name) => name !== '');
    return {
      entry,
      names: named.map((name) => name.replace(/^type /, '')),
      types: types !== undefined || (named.length > 0 && named.every((name) => name.startsWith('type '))),
    };
  });
}

const sources = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', 'services'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => /^services\/[^/]+\/src\/.*(?<!\.test)\.ts$/.test(file));

test.each(SERVICES)(
  '%s reaches the catalog by its own entry point only, and of the whole of it knows types of rows',
  (service) => {
    const own = sources.filter((file) => file.startsWith(`services/${service}/`));
    const wrong: string[] = [];
    let entered = false;
    for (const file of own) {
      const text = readFileSync(join(root, file), 'utf8');
      if (/(?:require|import)\s*\(\s*'@songhua\/catalog/.test(text)) wrong.push(`${file}: loads the catalog by a call`);
      for (const { entry, names, types } of catalogImports(text)) {
        entered ||= entry === service;
        if (entry === service || (entry === '' && types && !names.includes('Catalog'))) continue;
        wrong.push(`${file}: ${names.join(', ')} of @songhua/catalog${entry && `/${entry}`}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(entered).toBe(true);
  },
);
