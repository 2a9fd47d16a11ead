import { expect, test } from '@jest/globals';
import { nearest } from '../src/index.js';

test('names that were meant are found, and others not', () => {
  expect(nearest('item', ['orders', 'items', 'Item_2'])).toEqual(['items', 'Item_2']);
  expect(nearest('changedat', ['changed_at', 'id'])).toEqual(['changed_at']);
  expect(nearest('zzz', ['orders', 'items'])).toEqual([]);
});
