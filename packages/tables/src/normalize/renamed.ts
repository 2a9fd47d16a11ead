import type { Renaming } from '@songhua/domain';

/**
 * Which missing columns an added one probably is under another name: the only one between the same two columns that both sides have.
 * A guess for people to look at; nothing is renamed by it.
 */
export function guessRenamed(
  before: readonly string[],
  now: readonly string[],
  drift: { missing: readonly string[]; added: readonly string[] },
): Renaming[] {
  const common = new Set(before.filter((name) => now.includes(name)));
  const gone = byPlace(before, new Set(drift.missing), common);
  const come = byPlace(now, new Set(drift.added), common);
  return [...gone].flatMap(([place, names]) => {
    const others = come.get(place) ?? [];
    const [from] = names;
    const [to] = others;
    return names.length === 1 && others.length === 1 && from !== undefined && to !== undefined ? [{ from, to }] : [];
  });
}

/** `chosen` columns by the common columns to their left and right. */
function byPlace(
  columns: readonly string[],
  chosen: ReadonlySet<string>,
  common: ReadonlySet<string>,
): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const [at, name] of columns.entries()) {
    if (!chosen.has(name)) continue;
    const left = columns.slice(0, at).findLast((one) => common.has(one));
    const right = columns.slice(at + 1).find((one) => common.has(one));
    const place = JSON.stringify([left ?? null, right ?? null]);
    found.set(place, [...(found.get(place) ?? []), name]);
  }
  return found;
}
