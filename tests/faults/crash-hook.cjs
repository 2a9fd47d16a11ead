// Preloaded into a service under test (`node --require`): sends the process a signal at one exact step, once.
//   SONGHUA_CRASH_AT      <module>#<export>[>method.path]…:<before|after>[@n], e.g. @songhua/catalog/refresh#createRefreshCatalog>refreshes.publish:after
//                         each `>` goes on to what the call before it returned; `@n` waits for the n-th call
//   SONGHUA_CRASH_MARK    file that is made when it happens; while it exists nothing more happens
//   SONGHUA_CRASH_SIGNAL  SIGKILL unless told otherwise; SIGSTOP makes the process pause as a stalled machine would
// The product has no crash points of its own: the hook wraps what a module exports as it is loaded.
const { existsSync, writeFileSync } = require('node:fs');
const Module = require('node:module');

const spec = /^([^#]+)#(\w+)((?:>[\w.]+)*):(before|after)(?:@(\d+))?$/.exec(process.env.SONGHUA_CRASH_AT ?? '');
const mark = process.env.SONGHUA_CRASH_MARK;

if (spec && mark) {
  const [, moduleName, exported, calls, moment, nth = '1'] = spec;
  const signal = process.env.SONGHUA_CRASH_SIGNAL ?? 'SIGKILL';
  let remaining = Number(nth);
  const strike = () => {
    remaining--;
    if (remaining > 0 || existsSync(mark)) return;
    writeFileSync(mark, process.env.SONGHUA_CRASH_AT);
    process.kill(process.pid, signal);
  };
  const striking = (original) =>
    function strikingCall(...args) {
      if (moment === 'before') strike();
      const result = original.apply(this, args);
      if (moment === 'before') return result;
      return Promise.resolve(result).then((value) => {
        strike();
        return value;
      });
    };
  const replaced = (object, name, replacement) =>
    new Proxy(object, {
      get(target, key) {
        const value = key === name ? replacement : Reflect.get(target, key, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  /** `object` with the method at `path` striking, or with what that method returns wrapped further. */
  const wrapMethod = (object, [name, ...path], rest) => {
    const target = object[name];
    if (path.length > 0) return replaced(object, name, wrapMethod(target, path, rest));
    return replaced(object, name, wrapCall(target.bind(object), rest));
  };
  /** A function that strikes when it is the last of the calls, and otherwise returns its result wrapped. */
  const wrapCall = (original, [next, ...rest]) => {
    if (next === undefined) return striking(original);
    return function wrapping(...args) {
      const made = new.target ? Reflect.construct(original, args) : original(...args);
      const wrap = (object) => wrapMethod(object, next.split('.'), rest);
      return made instanceof Promise ? made.then(wrap) : wrap(made);
    };
  };

  const load = Module._load;
  Module._load = function loadStriking(request, ...rest) {
    const exports = load.call(this, request, ...rest);
    if (request !== moduleName) return exports;
    const replacement = wrapCall(exports[exported], calls.split('>').slice(1));
    return new Proxy(
      {},
      { get: (_, key) => (key === exported ? replacement : exports[key]), has: (_, key) => key in exports },
    );
  };
}
