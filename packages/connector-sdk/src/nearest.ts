const SHOWN = 3;

/** The names nearest to `wanted`, the nearest first, at most three; none that shares too little with it. */
export function nearest(wanted: string, names: string[]): string[] {
  const folded = wanted.toLowerCase();
  return names
    .map((name) => ({ name, distance: distance(folded, name.toLowerCase()) }))
    .filter(
      ({ name, distance: far }) => far <= Math.max(2, Math.min(wanted.length, name.length) / 3) || holds(name, wanted),
    )
    .sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1))
    .slice(0, SHOWN)
    .map(({ name }) => name);
}

const holds = (name: string, wanted: string): boolean => name.toLowerCase().includes(wanted.toLowerCase());

/** Insertions, deletions and replacements between two texts. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
