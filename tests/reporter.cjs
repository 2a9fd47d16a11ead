const { relative } = require('node:path');

const SHOWN = 10;
const seconds = ({ perfStats }) => (perfStats.end - perfStats.start) / 1000;

/**
 * Ends a run with what it took, the number of assertions that held, and the line that continuous integration reads: `N passed, N failed`.
 */
module.exports = class CountReporter {
  onRunComplete(contexts, results) {
    const [context] = contexts;
    const root = context?.config.rootDir ?? process.cwd();
    const slowest = [...results.testResults].sort((a, b) => seconds(b) - seconds(a)).slice(0, SHOWN);
    const lines = slowest.map(
      (suite) => `${seconds(suite).toFixed(0).padStart(5)} s  ${relative(root, suite.testFilePath)}`,
    );
    const asserted = results.testResults
      .flatMap((suite) => suite.testResults)
      .reduce((sum, { numPassingAsserts = 0 }) => sum + numPassingAsserts, 0);
    // A suite that could not even be loaded has no tests of its own to count.
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    process.stdout.write(
      `\nslowest suites:\n${lines.join('\n')}\n${asserted} assertions held\n\n${results.numPassedTests} passed, ${failed} failed\n`,
    );
  }
};
