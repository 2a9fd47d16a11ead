const { existsSync, readdirSync, readFileSync } = require('node:fs');
const { dirname, join, relative, resolve, sep } = require('node:path');

const FOLDERS = ['packages', 'services', 'infra', 'tests'];
const PASSED_OVER = new Set(['node_modules', 'dist', 'generated', 'histories', 'fixtures']);
/** Suites that start engines or whole systems of their own. */
const SYSTEMS = /^(tests[\\/](e2e|faults)|infra[\\/]test)[\\/]/;
/** What names an engine that the run starts: its address in the environment, or the helper that reads it. */
const ENGINES = /SONGHUA_TEST_(KAFKA|TEMPORAL|DATABASE|S3)|\bcreateTestDatabase\b/;
const RELATIVE_IMPORT = /(?:from|import|import\(|require\()\s*['"](\.{1,2}\/[^'"]+)['"]/g;

function* suitesUnder(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      if (!PASSED_OVER.has(entry.name) && !entry.name.startsWith('.')) yield* suitesUnder(path);
    } else if (entry.name.endsWith('.test.ts')) yield path;
  }
}

/** Whether a file, or one that it reaches by relative imports, names an engine. */
function namesEngine(path, texts, seen = new Set()) {
  if (seen.has(path)) return false;
  seen.add(path);
  if (!texts.has(path)) texts.set(path, existsSync(path) ? readFileSync(path, 'utf8') : '');
  const text = texts.get(path);
  if (ENGINES.test(text)) return true;
  return [...text.matchAll(RELATIVE_IMPORT)].some(([, to]) =>
    namesEngine(resolve(dirname(path), to).replace(/(\.js)?$/, '.ts'), texts, seen),
  );
}

/**
 * Every suite of the checkout by what it needs, as paths below `root`:
 * `pure` needs no engine, `engines` has databases, buckets and topics of its own in the engines of the run, `systems` starts whole systems.
 */
exports.suitesByNeed = (root) => {
  const found = { pure: [], engines: [], systems: [] };
  const texts = new Map();
  for (const path of FOLDERS.flatMap((folder) => [...suitesUnder(join(root, folder))])) {
    const name = relative(root, path);
    const need = SYSTEMS.test(name) ? 'systems' : namesEngine(path, texts) ? 'engines' : 'pure';
    found[need].push(name.split(sep).join('/'));
  }
  return found;
};
