import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from '@jest/globals';
import { type Document, documents, livingCode, root } from './documents.js';

const every = documents();

/** What `pattern` finds in each document, with the place. */
const found = (pattern: RegExp): { path: string; it: string }[] =>
  every.flatMap(({ path, text }) => [...text.matchAll(pattern)].map(([, it = '']) => ({ path, it })));

/** As GitHub makes them. */
const anchorsOf = ({ text }: Document): string[] =>
  [...text.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );

test('every file of the checkout that a document names exists', () => {
  const named = found(/`((?:packages|services|infra|tests|scripts|docs|deploy)\/[\w@./-]+)`/g);
  expect(named.length).toBeGreaterThan(50);
  expect(named.filter(({ it }) => !existsSync(join(root, it)))).toEqual([]);
});

test('every link within the documents leads somewhere', () => {
  const links = found(/\]\((?!https?:)([^)\s]+)\)/g);
  expect(links.length).toBeGreaterThan(10);
  const broken = links.filter(({ path, it }) => {
    const [file = '', anchor] = it.split('#');
    const target = file === '' ? path : normalize(join(dirname(path), file));
    const document = every.find((one) => one.path === target);
    return (
      !existsSync(join(root, target)) || (anchor !== undefined && document && !anchorsOf(document).includes(anchor))
    );
  });
  expect(broken).toEqual([]);
});

test('every code of an error that a document names is one that the code gives', () => {
  const code = livingCode()
    .map(({ text }) => text)
    .join('\n');
  // The first words of the codes there are; other dotted names in documents are files, settings and topics.
  const families = new Set([...code.matchAll(/['"`]([a-z]+)\.[a-z]+(?:-[a-z]+)*['"`]/g)].map(([, family]) => family));
  const named = found(/`([a-z]+\.[a-z]+(?:-[a-z]+)+|[a-z]+\.[a-z]+)`/g).filter(
    ({ it }) => families.has(it.split('.')[0]) && !isSetting(it) && !/\.(json|md|csv|prisma)$/.test(it),
  );
  expect(named.length).toBeGreaterThan(20);
  expect(named.filter(({ it }) => !new RegExp(`['"\`]${it.replace('.', '\\.')}['"\`]`).test(code))).toEqual([]);
});

// Fields of documents and configurations, which are written as their paths.
const SETTINGS = new Set(['cursor', 'pagination', 'authentication', 'batch', 'city', 'staging']);
const isSetting = (name: string): boolean =>
  SETTINGS.has(name.split('.')[0] ?? '') || ['source.warnings', 'schema.prisma'].includes(name);
