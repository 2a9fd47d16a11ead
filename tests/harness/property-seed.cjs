const fc = require('fast-check');

// Where changes are let in, each run tries the same cases, so that none is refused for a case that has nothing to do with it; everywhere
// else each run tries others. SONGHUA_TEST_SEED is for trying one again.
const seed = process.env.SONGHUA_TEST_SEED ?? (process.env.CI ? '20261126' : undefined);
if (seed !== undefined) fc.configureGlobal({ seed: Number(seed) });
