import { below, draw, drawsFor } from './random.js';

/** The report's total at scale 1. */
export const CITY_RECORDS = 3_170_000;
// With this median, 620 log-normal sizes reach the total at a spread that puts the largest above 100,000 and the smallest near 20.
const MEDIAN = 1_700;
const SPREAD = 1.48;
const SMALLEST = 20;
// Enough for every file of a dataset of several files to hold rows.
const SMALLEST_SCALED = 12;

/** Quantile of the standard normal distribution (Acklam's approximation; the tails are not needed closer than 1e-4). */
function normalQuantile(p: number): number {
  if (p > 0.5) return -normalQuantile(1 - p);
  if (p < 0.02425) {
    const q = Math.sqrt(-2 * Math.log(p));
    const n = ((((-0.007784894 * q - 0.3223965) * q - 2.400758) * q - 2.549733) * q + 4.374664) * q + 2.938164;
    const d = (((0.007784696 * q + 0.3224671) * q + 2.445134) * q + 3.754409) * q + 1;
    return n / d;
  }
  const q = p - 0.5;
  const r = q * q;
  const n = (((((-39.69683 * r + 220.9461) * r - 275.9285) * r + 138.3578) * r - 30.6648) * r + 2.506628) * q;
  const d = ((((-54.4761 * r + 161.5858) * r - 155.699) * r + 66.80131) * r - 13.28068) * r + 1;
  return n / d;
}

/**
 * Published rows of `count` datasets, ascending, log-normal: one draw from each of `count` equal slices of the distribution,
 * so that median, smallest and largest are right for every seed. At scale 1 they add up to CITY_RECORDS exactly.
 */
export function datasetSizes(count: number, scale: number, seed: number): number[] {
  const draws = drawsFor(seed, 'sizes');
  const raw = Array.from({ length: count }, (_, i) => {
    const z = normalQuantile((i + 0.3 + 0.4 * draw(draws)) / count);
    return MEDIAN * Math.exp(SPREAD * z);
  });
  // Only the upper half is stretched to meet the total, so that the median stays.
  const half = count >> 1;
  const lower = raw.slice(0, half).map((n) => Math.max(SMALLEST, Math.round(n)));
  const upperRaw = raw.slice(half);
  const target = CITY_RECORDS - sum(lower);
  const stretch = target / sum(upperRaw);
  const upper = upperRaw.map((n) => Math.round(n * stretch));
  const last = upper.length - 1;
  upper[last] = (upper[last] as number) + target - sum(upper);
  const sizes = [...lower, ...upper];
  if (scale === 1) return sizes;
  // A few rows more or less, or all the smallest datasets would have the same size.
  return sizes.map((n) => Math.max(SMALLEST_SCALED + below(draws, 9), Math.round(n * scale)));
}

const sum = (numbers: number[]): number => numbers.reduce((a, b) => a + b, 0);
