import { expect, test } from '@jest/globals';
import { createGate } from './gate.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("one department's trials leave room for others', and none is forgotten", async () => {
  const gate = createGate({ atOnce: 3, each: 2, most: 10 });
  const running: string[] = [];
  const ends: (() => void)[] = [];
  const enter = (department: string, name: string): Promise<void> =>
    gate.enter(department, () => {
      running.push(name);
      return new Promise((resolve) => ends.push(resolve));
    });
  const all = [enter('a', 'a1'), enter('a', 'a2'), enter('a', 'a3'), enter('b', 'b1'), enter('c', 'c1')];
  await turn();
  expect(running).toEqual(['a1', 'a2', 'b1']);
  ends[2]?.();
  await turn();
  expect(running).toEqual(['a1', 'a2', 'b1', 'c1']);
  ends[0]?.();
  await turn();
  expect(running).toEqual(['a1', 'a2', 'b1', 'c1', 'a3']);
  for (const end of ends) end();
  await Promise.all(all);
});

test('a trial that fails gives its place back, and beyond a queue there is an answer at once', async () => {
  const gate = createGate({ atOnce: 1, each: 1, most: 1 });
  await expect(gate.enter('a', () => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
  let end = (): void => undefined;
  const first = gate.enter('a', () => new Promise<void>((resolve) => (end = resolve)));
  const second = gate.enter('a', async () => 'second');
  await expect(gate.enter('b', async () => 'third')).rejects.toMatchObject({ code: 'trials.busy', retryable: true });
  end();
  await first;
  expect(await second).toBe('second');
});
