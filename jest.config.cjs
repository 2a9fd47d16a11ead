/** Packages are tested from their sources: the `@songhua/source` condition resolves to `src/index.ts`, never to a stale build. */
module.exports = {
  globalSetup: '<rootDir>/tests/harness/global-setup.ts',
  globalTeardown: '<rootDir>/tests/harness/global-teardown.ts',
  setupFiles: ['<rootDir>/tests/harness/property-seed.cjs'],
  // One at a time: the tests share two cores with the engines they start.
  maxWorkers: 1,
  testMatch: ['<rootDir>/{packages,services,infra,tests}/**/*.test.ts'],
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
  // Real engines on two busy cores: a test that waits this long waits for something that will not come.
  testTimeout: 60_000,
  restoreMocks: true,
  reporters: ['default', '<rootDir>/tests/reporter.cjs'],
};
