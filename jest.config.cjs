const { suitesByNeed } = require('./tests/harness/suites.cjs');

/** Packages are tested from their sources: the `@songhua/source` condition resolves to `src/index.ts`, never to a stale build. */
const shared = {
  rootDir: __dirname,
  runner: '<rootDir>/tests/harness/suite-runner.cjs',
  testPathIgnorePatterns: ['/node_modules/', '/dist/', '/.songhua'],
  modulePathIgnorePatterns: ['/dist/', '/.songhua'],
  testEnvironment: 'node',
  testEnvironmentOptions: { customExportConditions: ['@songhua/source', 'node', 'node-addons', 'require', 'default'] },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'commonjs' } },
    ],
  },
  transformIgnorePatterns: ['/node_modules/', '/dist/'],
  // Sources import each other as `./x.js`, as Node needs it.
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  restoreMocks: true,
};
const seed = '<rootDir>/tests/harness/property-seed.cjs';
const engines = {
  globalSetup: '<rootDir>/tests/harness/global-setup.ts',
  globalTeardown: '<rootDir>/tests/harness/global-teardown.ts',
};
const suites = suitesByNeed(__dirname);
const project = (need, more) => ({
  ...shared,
  displayName: need,
  testMatch: suites[need].map((suite) => `<rootDir>/${suite}`),
  setupFiles: [seed],
  ...more,
});

module.exports = {
  rootDir: __dirname,
  projects: [
    project('pure', { setupFiles: [seed, '<rootDir>/tests/harness/no-engines.cjs'] }),
    project('engines', engines),
    project('systems', engines),
  ],
  // More than one lets suites of different needs run beside each other; how many of each run at once is the runner's.
  maxWorkers: 4,
  // Real engines on two busy cores: a test that waits this long waits for something that will not come.
  testTimeout: 60_000,
  reporters: ['default', '<rootDir>/tests/reporter.cjs'],
};
