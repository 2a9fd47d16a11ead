import { expect, test } from '@jest/globals';
import { createClock } from './clock.js';

test('only the time that reading takes counts, and beyond the limit it ends with a code of its own', async () => {
  let now = 0;
  const clock = createClock('a.csv', 100, () => now);
  const work = (ms: number) => async () => {
    now += ms;
    clock.check();
  };
  await clock.during(work(60));
  now += 10_000;
  await clock.during(work(40));
  await expect(clock.during(work(1))).rejects.toMatchObject({
    code: 'limit.time',
    actor: 'department',
    message: expect.stringMatching(/a\.csv was not read within 0\.1 s.*读取超过/),
  });
});

test('tables that are read at the same time share one clock', async () => {
  let now = 0;
  const clock = createClock('a.zip', 100, () => now);
  await clock.during(async () => {
    now = 50;
    await clock.during(async () => {
      now = 90;
    });
    clock.check();
  });
  now = 1000;
  clock.check();
});
