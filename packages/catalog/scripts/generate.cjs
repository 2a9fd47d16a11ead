'use strict';
/*
 * Generates the Prisma client into src/generated, and does nothing when it is up to date. The CLI would download a schema
 * engine, which `generate` never calls: any executable in its place keeps this offline.
 */
const { createHash } = require('node:crypto');
const { execFileSync } = require('node:child_process');
const { existsSync, readFileSync, rmSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

const root = join(__dirname, '..');
const out = join(root, 'src', 'generated');
const stamp = join(out, '.stamp');
const prisma = require.resolve('prisma/package.json', { paths: [root] });
const wanted = createHash('sha256')
  .update(readFileSync(join(root, 'prisma', 'schema.prisma')))
  .update(readFileSync(prisma))
  .digest('hex');

if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== wanted) {
  rmSync(out, { recursive: true, force: true });
  execFileSync(
    process.execPath,
    [join(prisma, '..', JSON.parse(readFileSync(prisma, 'utf8')).bin.prisma), 'generate'],
    {
      cwd: root,
      stdio: ['ignore', 'ignore', 'inherit'],
      env: {
        ...process.env,
        PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
        CHECKPOINT_DISABLE: '1',
        PRISMA_HIDE_UPDATE_MESSAGE: '1',
      },
    },
  );
  writeFileSync(stamp, wanted);
}
