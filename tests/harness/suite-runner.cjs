const { default: TestRunner } = require('jest-runner');

/** How many suites of a need run at once, so that those of each take about as long: systems wait most, pure suites never do. */
const AT_ONCE = { pure: 1, engines: 1, systems: 2 };

/** Runs suites of different needs beside each other, so that one that waits for an engine leaves its core to one that computes. */
module.exports = class SuiteRunner extends TestRunner {
  #globalConfig;
  #context;
  #listeners = [];

  constructor(globalConfig, context) {
    super(globalConfig, context);
    this.#globalConfig = globalConfig;
    this.#context = context;
  }

  on(event, listener) {
    this.#listeners.push([event, listener]);
    return super.on(event, listener);
  }

  async runTests(tests, watcher, options) {
    // A single suite, a few quick ones, or what somebody asked to see one by one.
    if (options.serial) return super.runTests(tests, watcher, options);
    await Promise.all(
      Object.entries(AT_ONCE).map(([need, maxWorkers]) => {
        const runner = new TestRunner({ ...this.#globalConfig, maxWorkers }, this.#context);
        for (const [event, listener] of this.#listeners) runner.on(event, listener);
        const suites = tests.filter((test) => test.context.config.displayName.name === need);
        return suites.length > 0 ? runner.runTests(suites, watcher, options) : undefined;
      }),
    );
  }
};
