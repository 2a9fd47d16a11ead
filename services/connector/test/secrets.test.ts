import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { createSecretResolver } from '../src/secrets.js';

test('secrets come from values given or stored, from variables meant for connectors, and from files of the secrets folder only', async () => {
  const base = await mkdtemp(join(tmpdir(), 'songhua-secrets-'));
  const folder = join(base, 'secrets');
  await writeFile(join(base, 'outside'), 'canary');
  await mkdir(folder);
  await writeFile(join(folder, 'token'), 'from-file\n');
  await symlink(join(base, 'outside'), join(folder, 'link'));
  const stored = async () => ({ d: 'kept' });
  const resolve = createSecretResolver(folder, { SONGHUA_SECRET_A: 'from-env', SONGHUA_S3_SECRET_KEY: 'canary' });

  const all = {
    a: { env: 'SONGHUA_SECRET_A' },
    b: { file: 'token' },
    c: { value: 'plain' },
    d: { stored: true as const },
  };
  expect(await resolve(all, stored)).toEqual({ a: 'from-env', b: 'from-file', c: 'plain', d: 'kept' });
  for (const reference of [
    { env: 'SONGHUA_S3_SECRET_KEY' },
    { env: 'SONGHUA_SECRET_MISSING' },
    { file: '../outside' },
    { file: 'link' },
    { file: 'missing' },
    { file: '.' },
  ]) {
    const problem = await resolve({ x: reference }, stored).catch((error: unknown) => error);
    expect(problem).toMatchObject({ code: 'connector.secret-unresolved', actor: 'operator' });
    expect(String(problem)).not.toContain('canary');
  }
  await expect(resolve({ x: { stored: true } }, stored)).rejects.toMatchObject({
    code: 'connector.secret-missing',
    actor: 'department',
  });
  await expect(createSecretResolver(undefined, {})({ x: { file: 'token' } }, stored)).rejects.toMatchObject({
    code: 'connector.secret-unresolved',
  });
  await rm(base, { recursive: true });
});

test('before anybody approved it, a connector reaches only references that are of its department alone', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'songhua-secrets-'));
  for (const name of ['tax', 'tax-bureau']) {
    await mkdir(join(folder, name));
    await writeFile(join(folder, name, 'key'), `of ${name}`);
  }
  await symlink(join(folder, 'tax-bureau', 'key'), join(folder, 'tax', 'link'));
  const resolve = createSecretResolver(folder, {
    SONGHUA_SECRET_TAX__KEY: 'of tax',
    SONGHUA_SECRET_TAX_BUREAU__KEY: 'canary',
    SONGHUA_SECRET_SHARED: 'canary',
  });
  const of = (department: string | undefined, reference: { env: string } | { file: string }) =>
    resolve({ x: reference }, async () => ({}), department).then(
      ({ x }) => x,
      (error: { code: string }) => error.code,
    );
  expect(await of('tax', { env: 'SONGHUA_SECRET_TAX__KEY' })).toBe('of tax');
  expect(await of('tax', { file: 'tax/key' })).toBe('of tax');
  for (const reference of [
    { env: 'SONGHUA_SECRET_TAX_BUREAU__KEY' },
    { env: 'SONGHUA_SECRET_SHARED' },
    { file: 'tax-bureau/key' },
    { file: 'tax/../tax-bureau/key' },
    { file: 'tax/link' },
  ]) {
    expect(await of('tax', reference)).toBe('connector.secret-unresolved');
    expect(await of(undefined, reference)).not.toBe('connector.secret-unresolved');
  }
  expect(await of('tax--bureau', { env: 'SONGHUA_SECRET_TAX__BUREAU__KEY' })).toBe('connector.secret-unresolved');
  await rm(folder, { recursive: true });
});

test('files are found where a cluster mounts them, as links into a folder that begins with two dots', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'songhua-secrets-'));
  await mkdir(join(folder, '..2026_01_01'));
  await writeFile(join(folder, '..2026_01_01', 'token'), 'mounted');
  await symlink('..2026_01_01', join(folder, '..data'));
  await symlink('..data/token', join(folder, 'token'));
  const resolve = createSecretResolver(folder, {});
  expect(await resolve({ x: { file: 'token' } }, async () => ({}))).toEqual({ x: 'mounted' });
  await rm(folder, { recursive: true });
});

test('an answer does not tell whether a file outside of the secrets folder exists', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'songhua-secrets-'));
  const resolve = createSecretResolver(folder, {});
  const told = (file: string) =>
    resolve({ x: { file } }, async () => ({})).catch((error: Error) => error.message.replace(file, 'FILE'));
  expect(await told('/etc/passwd')).toBe(await told('/etc/no-such-file'));
  await rm(folder, { recursive: true });
});
