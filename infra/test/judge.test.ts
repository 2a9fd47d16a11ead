import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Evidence, judge } from '../src/supervisor/judge.js';
import { PHASES, PROCESS_STATES, type ProcessState, type StackState } from '../src/supervisor/state.js';

const NOW = Date.parse('2026-11-30T12:00:00Z');
const NAMES = ['postgres', 'kafka', 'catalog', 'landing'];
const pidOf = (name: string): number => 100 + NAMES.indexOf(name);

const row = (name: string, state: ProcessState['state']): ProcessState => ({
  name,
  kind: 'service',
  state,
  pid: state === 'stopped' || state === 'waiting' ? null : pidOf(name),
  started: 'then',
  url: null,
  restarts: 0,
  lastError: null,
  lastErrorAt: null,
  readyAt: null,
  log: '',
});
const stack = (phase: StackState['phase'], processes: ProcessState[], secondsAgo: number): StackState => ({
  phase,
  deployment: '',
  mode: 'native',
  objectStore: 'minio',
  supervisor: { pid: 99, started: 'then' },
  startedAt: '',
  updatedAt: new Date(NOW - secondsAgo * 1000).toISOString(),
  error: null,
  apiUrl: null,
  temporalUi: null,
  processes,
});

const states = fc
  .record({
    phase: fc.constantFrom(...PHASES),
    rows: fc.uniqueArray(fc.record({ name: fc.constantFrom(...NAMES), state: fc.constantFrom(...PROCESS_STATES) }), {
      selector: ({ name }) => name,
    }),
    secondsAgo: fc.constantFrom(0, 29, 31, 4_000),
  })
  .map(({ phase, rows, secondsAgo }) =>
    stack(
      phase,
      rows.map(({ name, state }) => row(name, state)),
      secondsAgo,
    ),
  );
const evidences = fc.record({
  state: fc.option(states, { nil: undefined }),
  supervisor: fc.option(fc.constantFrom({ pid: 99, started: 'then' }), { nil: undefined }),
  living: fc
    .subarray(NAMES)
    .map((names) => names.map((name) => ({ name, pid: pidOf(name), started: 'then', stopSignal: 'SIGTERM' }))),
  now: fc.constantFrom(NOW),
});

test('no row is ready unless its process lives and a supervisor that is heard says so', () => {
  fc.assert(
    fc.property(evidences, (evidence) => {
      const { phase, rows } = judge(evidence);
      const ready = rows.filter(({ state }) => state === 'ready');
      if (['never', 'lost', 'unsupervised', 'silent'].includes(phase)) expect(ready).toEqual([]);
      for (const one of ready) expect(evidence.living.map(({ pid }) => pid)).toContain(one.pid);
    }),
  );
});

test('without a supervisor every living process is told as unsupervised, under a heading and with a remedy that say so', () => {
  fc.assert(
    fc.property(evidences, (evidence) => {
      const { phase, rows, remedy } = judge({ ...evidence, supervisor: undefined });
      const names = rows.filter(({ state }) => state === 'unsupervised').map(({ name }) => name);
      expect(new Set(names)).toEqual(new Set(evidence.living.map(({ name }) => name)));
      expect(phase === 'unsupervised').toBe(evidence.living.length > 0);
      if (phase === 'unsupervised' || phase === 'lost') expect(remedy).toContain('songhua up');
    }),
  );
});

const supervised = (changes: Partial<Evidence>): Evidence => ({
  state: stack('ready', [row('kafka', 'ready')], 1),
  supervisor: { pid: 99, started: 'then' },
  living: [{ name: 'kafka', pid: pidOf('kafka'), started: 'then', stopSignal: 'SIGTERM' }],
  now: NOW,
  ...changes,
});

test('what a living supervisor tells stands, as long as the process is the one that it tells of', () => {
  expect(judge(supervised({}))).toMatchObject({ phase: 'ready', rows: [{ state: 'ready' }], remedy: null });
  const successor = { name: 'kafka', pid: pidOf('kafka'), started: 'later', stopSignal: 'SIGTERM' };
  expect(judge(supervised({ living: [successor] })).rows).toMatchObject([{ state: 'gone', pid: null }]);
});

test('a supervisor that tells nothing any more is silent, and nothing is known of what it started', () => {
  const state = stack('ready', [row('kafka', 'ready')], 120);
  expect(judge(supervised({ state }))).toMatchObject({
    phase: 'silent',
    rows: [{ state: 'unknown', pid: pidOf('kafka') }],
    remedy: expect.stringContaining('120 s'),
  });
});
