// Brings a fresh checkout to a runnable state with nothing but Node and npm, then runs what was asked:
//   node scripts/bootstrap.mjs build | test [jest options] | songhua <command>
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
// The newest line of pnpm that runs on Node 20.
const PNPM = 'pnpm@10.34.8';
const OLDEST_NODE = [20, 19];

/** Runs a step; its output goes to stderr, so that stdout stays the asked command's own. Ends the process when it fails. */
function step(title, command, args, env = {}) {
  const started = Date.now();
  // The first run of a checkout takes minutes: what it is at is told before it has ended.
  process.stderr.write(`${title} … `);
  const result = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
    maxBuffer: 1 << 28,
  });
  if (result.status !== 0) {
    process.stderr.write(
      `\n${result.stdout ?? ''}${result.stderr ?? ''}\n${title} failed (${result.error?.message ?? `exit ${result.status}`}): ${command} ${args.join(' ')}\n`,
    );
    process.exit(1);
  }
  process.stderr.write(`${((Date.now() - started) / 1000).toFixed(1)} s\n`);
}

function hashOf(...files) {
  const hash = createHash('sha256');
  for (const file of files) hash.update(readFileSync(join(root, file)));
  return hash.digest('hex');
}

/** Runs `work` unless it already ran for this `state`. */
function once(name, state, work) {
  const stamp = join(root, 'node_modules', `.songhua-${name}`);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === state) return;
  work();
  mkdirSync(join(root, 'node_modules'), { recursive: true });
  writeFileSync(stamp, state);
}

function prepare() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1])) {
    process.stderr.write(
      `Songhua needs Node ${OLDEST_NODE.join('.')} or newer, this is ${process.versions.node}: install a newer Node and run the command again\n`,
    );
    process.exit(2);
  }
  once('install', hashOf('pnpm-lock.yaml', 'pnpm-workspace.yaml'), () =>
    step('dependencies', 'npx', ['--yes', PNPM, 'install', '--frozen-lockfile'], { CI: 'true' }),
  );
  const node = process.execPath;
  once('prisma', hashOf('packages/catalog/prisma/schema.prisma'), () =>
    step('database client', 'npx', ['--yes', PNPM, '--filter', '@songhua/catalog', 'generate']),
  );
  step('build', node, ['node_modules/typescript/bin/tsc', '-b']);
  once(
    'bundle',
    hashOf(
      'packages/workflows/dist/refresh-lane.js',
      'packages/workflows/dist/group.js',
      'packages/contracts/dist/refresh.js',
      'pnpm-lock.yaml',
    ),
    () => step('workflow bundle', node, ['services/refresh/dist/bundle-main.js']),
  );
}

/** Runs the asked command in the foreground and ends with its exit code. */
function run(args, env = {}) {
  const result = spawnSync(process.execPath, args, {
    cwd: process.cwd(),
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  process.exit(result.status ?? 1);
}

const [what, ...rest] = process.argv.slice(2);
prepare();
// The file itself, not pnpm's shim: the shim sets NODE_PATH, which would hide undeclared dependencies.
if (what === 'test')
  run([join(root, 'node_modules/jest/bin/jest.js'), '--config', join(root, 'jest.config.cjs'), ...rest]);
else if (what === 'songhua') run([join(root, 'packages/cli/bin/songhua.js'), ...rest]);
else if (what !== 'build') {
  process.stderr.write('usage: node scripts/bootstrap.mjs build | test [jest options] | songhua <command>\n');
  process.exit(2);
}
