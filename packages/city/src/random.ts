/** Deterministic randomness: every draw is a function of the seed and of what it is drawn for, never of what was drawn before elsewhere. */

/** A draw's state; `state` is 32 bits and changes with each draw. */
export interface Draws {
  state: number;
}

/** Avalanche of 32 bits (the finalizer of MurmurHash3). */
export function mix(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** 32 bits for a seed and any parts of a name. */
export function seedOf(seed: number, ...parts: (string | number)[]): number {
  let h = mix(seed ^ 0x5bd1e995);
  for (const part of parts) {
    const text = String(part);
    for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
    h = mix(h ^ text.length);
  }
  return h;
}

export const drawsFor = (seed: number, ...parts: (string | number)[]): Draws => ({ state: seedOf(seed, ...parts) });

/** The next number in [0, 1) (mulberry32). */
export function draw(draws: Draws): number {
  draws.state = (draws.state + 0x6d2b79f5) | 0;
  let t = draws.state;
  t = Math.imul(t ^ (t >>> 15), t | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}

/** The next whole number in [0, limit). */
export function below(draws: Draws, limit: number): number {
  return Math.floor(draw(draws) * limit);
}

/** One of `items`. */
export function pick<T>(draws: Draws, items: readonly T[]): T {
  return items[below(draws, items.length)] as T;
}

/** `items` in a random order. */
export function shuffled<T>(draws: Draws, items: readonly T[]): T[] {
  const result = [...items];
  for (let i = result.length - 1; i > 0; i--) {
    const j = below(draws, i + 1);
    const kept = result[i] as T;
    result[i] = result[j] as T;
    result[j] = kept;
  }
  return result;
}

/** Up to `count` different numbers in [0, limit) that `allowed` accepts, ascending; fewer when there are not enough. */
export function sample(draws: Draws, count: number, limit: number, allowed: (n: number) => boolean): number[] {
  const chosen = new Set<number>();
  // Refusals are rare by construction; the bound only keeps a hopeless request finite.
  for (let tries = 0; chosen.size < count && tries < count * 20 + 20; tries++) {
    const n = below(draws, limit);
    if (allowed(n)) chosen.add(n);
  }
  return [...chosen].sort((a, b) => a - b);
}
