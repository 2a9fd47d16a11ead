import { describe, expect, test } from '@jest/globals';
import { coloured } from '../src/colours.js';

const terminal = { isTTY: true };
const pipe = {};

describe('colours', () => {
  test('are for terminals; pipes and files have none, on a build server neither', () => {
    expect(coloured(terminal, {})).toBe(true);
    expect(coloured(pipe, {})).toBe(false);
    expect(coloured(pipe, { CI: 'true' })).toBe(false);
    expect(coloured(terminal, { TERM: 'dumb' })).toBe(false);
  });

  test('are as the environment asks', () => {
    expect(coloured(terminal, { NO_COLOR: '1' })).toBe(false);
    expect(coloured(pipe, { FORCE_COLOR: '1' })).toBe(true);
    expect(coloured(terminal, { FORCE_COLOR: '0' })).toBe(false);
  });
});
