/** What a person may let pass, by the code that a refresh is held for: the last good version stays served until somebody decides (I2). */
const OVERRIDES = {
  'guard.shrink': 'shrink',
  'guard.empty': 'shrink',
  'guard.rejected': 'rejected',
  'schema.changed': 'schema',
} as const;
export type Override = (typeof OVERRIDES)[keyof typeof OVERRIDES];

/** Whether a refresh that fails with `code` waits for a person. */
export const isHold = (code: string): boolean => Object.hasOwn(OVERRIDES, code);

/** What lets a refresh pass that was held for each of `codes`. */
export const overridesOf = (codes: readonly string[]): Override[] => [
  ...new Set(codes.filter(isHold).map((code) => OVERRIDES[code as keyof typeof OVERRIDES])),
];
