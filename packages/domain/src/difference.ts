import { canonicalJson } from './canonical.js';

/** One field that two documents do not share; `before` or `after` is absent where the field is. */
export interface Difference {
  /** As `spec.guards.maxShrink` or `spec.columns[score].type`. */
  path: string;
  before?: unknown;
  after?: unknown;
}

type Fields = Record<string, unknown>;

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Lists of things with names of their own are compared by name, so that one more column is one difference. */
function byName(value: unknown): Map<string, Fields> | undefined {
  if (!Array.isArray(value)) return undefined;
  const named = new Map<string, Fields>();
  for (const item of value) {
    if (!isFields(item) || typeof item.name !== 'string' || named.has(item.name)) return undefined;
    named.set(item.name, item);
  }
  return named;
}

/**
 * Where two JSON values differ, field by field, in the order of the newer one. Fields that are undefined are no fields. Empty exactly
 * when both have the same canonical text.
 */
export function differences(before: unknown, after: unknown, path = ''): Difference[] {
  if (canonicalJson(before) === canonicalJson(after)) return [];
  if (isFields(before) && isFields(after)) {
    const keys = [...new Set([...Object.keys(after), ...Object.keys(before)])];
    return keys.flatMap((key) => differences(before[key], after[key], path === '' ? key : `${path}.${key}`));
  }
  const [was, is] = [byName(before), byName(after)];
  if (was?.size && is?.size) {
    const names = [...new Set([...is.keys(), ...was.keys()])];
    const found = names.flatMap((name) => differences(was.get(name), is.get(name), `${path}[${name}]`));
    // The same items in another order.
    return found.length > 0 ? found : [{ path, before: [...was.keys()], after: [...is.keys()] }];
  }
  return [{ path, ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) }];
}
