import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { codeOf } from './errors.js';
import {
  CONNECTOR_STATES,
  connectorState,
  type Lifecycle,
  type LifecycleEvent,
  NEW_CONNECTOR,
  nextLifecycle,
  runProblem,
} from './lifecycle.js';

const simple = fc.constantFrom('submit', 'approve', 'refuse', 'pause', 'resume', 'suspend', 'retire');
const events = fc.array(
  fc.oneof(
    fc.boolean().map((mayApprove) => ({ type: 'apply', mayApprove }) as const),
    simple.map((type) => ({ type }) as const),
  ),
  { maxLength: 30 },
);

/** Runs events, numbering revisions as the catalog does; what is refused changes nothing. */
function* run(list: { type: string; mayApprove?: boolean }[]) {
  let now = NEW_CONNECTOR;
  let revision = 0;
  for (const { type, mayApprove } of list) {
    const event = (type === 'apply' ? { type, mayApprove, revision: revision + 1 } : { type }) as LifecycleEvent;
    const before = now;
    let refused = false;
    try {
      now = nextLifecycle(before, event);
      if (type === 'apply') revision++;
    } catch (error) {
      expect(codeOf(error)).toBe('connector.lifecycle');
      refused = true;
    }
    yield { before, event, now, refused };
  }
}

describe('the lifecycle of a connector', () => {
  test('runs only what somebody who may approve has approved', () => {
    fc.assert(
      fc.property(events, (list) => {
        const approved = new Set<number>();
        for (const { before, event, now, refused } of run(list)) {
          if (!refused && event.type === 'apply' && event.mayApprove) approved.add(event.revision);
          if (!refused && event.type === 'approve') {
            expect(before.proposal?.stage).toBe('submitted');
            approved.add(before.proposal?.revision ?? 0);
          }
          if (now.approved !== null) expect(approved).toContain(now.approved);
          const state = connectorState(now, false);
          if (runProblem(state, 'request') === undefined) expect(now.approved).not.toBeNull();
        }
      }),
    );
  });

  test('keeps the approved revision running while a proposal waits or is refused', () => {
    fc.assert(
      fc.property(events, (list) => {
        for (const { before, event, now } of run(list)) {
          const proposing =
            event.type === 'submit' || event.type === 'refuse' || (event.type === 'apply' && !event.mayApprove);
          if (proposing) expect([now.approved, now.halt]).toEqual([before.approved, before.halt]);
          if (now.proposal && now.approved !== null) expect(now.proposal.revision).toBeGreaterThan(now.approved);
        }
      }),
    );
  });

  test('never leaves retirement, and never lifts what a person paused but by resuming', () => {
    fc.assert(
      fc.property(events, (list) => {
        for (const { before, event, now } of run(list)) {
          if (before.halt === 'retired') expect(now).toEqual(before);
          if (before.halt === 'paused' && now.halt !== 'paused') expect(['resume', 'retire']).toContain(event.type);
        }
      }),
    );
  });

  test('asked for what is so already changes nothing', () => {
    fc.assert(
      fc.property(events, fc.constantFrom('pause', 'resume', 'retire', 'suspend', 'submit'), (list, type) => {
        const now = [...run(list)].at(-1)?.now ?? NEW_CONNECTOR;
        const again = [...runFrom(now, [type, type])];
        expect(again[1]).toEqual(again[0]);
      }),
    );
  });

  test('goes from draft through submitted and approved to active, and each has a word', () => {
    const draft = nextLifecycle(NEW_CONNECTOR, { type: 'apply', revision: 1, mayApprove: false });
    const waiting = nextLifecycle(draft, { type: 'submit' });
    expect(() => nextLifecycle(waiting, { type: 'approve', revision: 2 })).toThrow('revision 1 waits');
    const approved = nextLifecycle(waiting, { type: 'approve', revision: 1 });
    const stopped = nextLifecycle(approved, { type: 'suspend' });
    const words = [
      connectorState(draft, false),
      connectorState(waiting, false),
      connectorState(approved, false),
      connectorState(approved, true),
      connectorState(nextLifecycle(approved, { type: 'pause' }), true),
      connectorState(stopped, true),
      connectorState(nextLifecycle(stopped, { type: 'retire' }), true),
    ];
    expect(words).toEqual([...CONNECTOR_STATES]);
    expect(nextLifecycle(stopped, { type: 'apply', revision: 2, mayApprove: true }).halt).toBeNull();
    expect(words.filter((word) => runProblem(word, 'schedule') === undefined)).toEqual(['approved', 'active']);
  });
});

function* runFrom(from: Lifecycle, types: string[]) {
  let now = from;
  for (const type of types) {
    try {
      now = nextLifecycle(now, { type } as LifecycleEvent);
    } catch {
      // Refused twice is the same as well.
    }
    yield now;
  }
}
