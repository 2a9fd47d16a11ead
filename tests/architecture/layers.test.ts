import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, test } from '@jest/globals';

const root = resolve(__dirname, '../..');
const { layers } = JSON.parse(readFileSync(join(root, 'architecture.json'), 'utf8')) as { layers: string[][] };
const layerOf = new Map<string, number>(
  layers.flatMap((names, layer) => names.map((name) => [`@songhua/${name}`, layer] as const)),
);

interface Member {
  dir: string;
  name: string;
  dependencies: string[];
  devDependencies: string[];
}

const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => file !== '' && existsSync(join(root, file)));
const members: Member[] = tracked
  .filter((file) => /^(packages|services)\/[^/]+\/package\.json$|^(infra|tests)\/package\.json$/.test(file))
  .map((file) => {
    const json = JSON.parse(readFileSync(join(root, file), 'utf8')) as {
      name: string;
      dependencies?: object;
      devDependencies?: object;
    };
    const workspace = (list: object | undefined): string[] =>
      Object.keys(list ?? {}).filter((name) => name.startsWith('@songhua/'));
    return {
      dir: dirname(file),
      name: json.name,
      dependencies: workspace(json.dependencies),
      devDependencies: workspace(json.devDependencies),
    };
  });
const sources = tracked.filter((file) => /\.ts$/.test(file) && !/\.d\.ts$/.test(file));
const sourcesOf = (member: Member): string[] => sources.filter((file) => file.startsWith(`${member.dir}/`));

/** Specifiers of every static import, export-from, dynamic import and require in a file. */
function imports(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8');
  return [...text.matchAll(/(?:from|import|require(?:\.resolve)?)\s*\(?\s*'([^']+)'/g)].map((match) => match[1] ?? '');
}

describe('the layer table', () => {
  test('names every member of the workspace once', () => {
    expect(members.map((m) => m.name).sort()).toEqual([...layerOf.keys()].sort());
  });

  test.each(members.map((m) => [m.name, m] as const))('%s depends only on lower layers', (name, member) => {
    const layer = layerOf.get(name) ?? -1;
    expect(
      member.dependencies.filter((dependency) => (layerOf.get(dependency) ?? Number.POSITIVE_INFINITY) >= layer),
    ).toEqual([]);
  });

  test.each(members.map((m) => [m.name, m] as const))(
    '%s imports only what it declares, and nobody’s insides',
    (_name, member) => {
      const wrong: string[] = [];
      for (const file of sourcesOf(member)) {
        const testing = /\.test\.ts$|\/test\/|^tests\//.test(file);
        const allowed = new Set([...member.dependencies, ...(testing ? member.devDependencies : []), member.name]);
        for (const specifier of imports(file)) {
          const target = /^@songhua\/[^/]+/.exec(specifier)?.[0];
          if (target && !allowed.has(target)) wrong.push(`${file}: ${specifier} is not declared`);
          if (/^@songhua\/[^/]+\/(src|dist)/.test(specifier))
            wrong.push(`${file}: ${specifier} reaches into another package`);
          if (
            specifier.startsWith('.') &&
            !resolve(root, dirname(file), specifier).startsWith(`${join(root, member.dir)}/`)
          )
            wrong.push(`${file}: ${specifier} leaves its package`);
        }
      }
      expect(wrong).toEqual([]);
    },
  );

  test.each(members.filter((m) => existsSync(join(root, m.dir, 'tsconfig.json'))).map((m) => [m.name, m] as const))(
    '%s has the project references of its dependencies',
    (_name, member) => {
      const config = JSON.parse(readFileSync(join(root, member.dir, 'tsconfig.json'), 'utf8')) as {
        references?: { path: string }[];
      };
      const referenced = (config.references ?? []).map(
        ({ path }) => members.find((m) => m.dir === join(member.dir, path))?.name,
      );
      expect(referenced.sort()).toEqual([...member.dependencies].sort());
    },
  );

  test('lets workflow code import nothing that its sandbox lacks', () => {
    const workflows = sources.filter(
      (file) => file.startsWith('packages/workflows/src/') && !file.endsWith('.test.ts'),
    );
    expect(workflows.length).toBeGreaterThan(0);
    for (const file of workflows) {
      for (const specifier of imports(file))
        expect(specifier).toMatch(/^(\.\/|@temporalio\/(workflow|common)$|@songhua\/(domain|contracts\/refresh)$)/);
    }
  });
});

test('no source file is longer than 400 lines', () => {
  expect(sources.filter((file) => readFileSync(join(root, file), 'utf8').split('\n').length > 401)).toEqual([]);
});
