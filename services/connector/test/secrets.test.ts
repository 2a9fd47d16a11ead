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
