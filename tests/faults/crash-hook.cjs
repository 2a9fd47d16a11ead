// Preloaded into a service under test (`node --require`): ends the process with SIGKILL at one exact step, once.
//   SONGHUA_CRASH_AT    <package>#<export>[>method.path]:<before|after>, e.g. catalog#createCatalog>refreshes.publish:after
//   SONGHUA_CRASH_MARK  file that is made when the crash happens; while it exists nothing crashes
// The product has no crash points of its own: the hook wraps what a package exports as it is loaded.
const { existsSync, writeFileSync } = require('node:fs');
const Module = require('node:module');

const spec = /^([a-z-]+)#(\w+)(?:>([\w.]+))?:(before|after)$/.exec(process.env.SONGHUA_CRASH_AT ?? '');
const mark = process.env.SONGHUA_CRASH_MARK;

if (spec && mark) {
  const [, packageName, exported, path, moment] = spec;
  const crash = () => {
    if (existsSync(mark)) return;
    writeFileSync(mark, process.env.SONGHUA_CRASH_AT);
    process.kill(process.pid, 'SIGKILL');
    // The signal lands before anything else of this process runs.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  };
  const crashing = (original) =>
    function crashingCall(...args) {
      if (moment === 'before') crash();
      const result = original.apply(this, args);
      if (moment === 'before') return result;
      return Promise.resolve(result).then((value) => {
        crash();
        return value;
      });
    };
  const wrapMethod = (object, [name, ...rest]) => {
    const target = object[name];
    const replacement = rest.length === 0 ? crashing(target.bind(object)) : wrapMethod(target, rest);
    return new Proxy(object, { get: (o, key) => (key === name ? replacement : bound(o, key)) });
  };
  const bound = (object, key) => {
    const value = object[key];
    return typeof value === 'function' ? value.bind(object) : value;
  };
  const wrapped = (original) => {
    if (!path) return crashing(original);
    return (...args) => {
      const made = original(...args);
      return made instanceof Promise
        ? made.then((object) => wrapMethod(object, path.split('.')))
        : wrapMethod(made, path.split('.'));
    };
  };

  const load = Module._load;
  Module._load = function loadCrashing(request, ...rest) {
    const exports = load.call(this, request, ...rest);
    if (request !== `@songhua/${packageName}`) return exports;
    const replacement = wrapped(exports[exported]);
    return new Proxy(
      {},
      { get: (_, key) => (key === exported ? replacement : exports[key]), has: (_, key) => key in exports },
    );
  };
}
