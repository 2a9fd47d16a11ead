import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { ACTION_NAMES, ACTIONS, ANONYMOUS, type Grant, grantOf, mayAct, type Principal, ROLES } from './access.js';

const department = fc.constantFrom('education', 'health', 'water');
const principal: fc.Arbitrary<Principal> = fc.record({
  id: fc.constant('key:x'),
  role: fc.constantFrom(...ROLES),
  department: fc.option(department),
  actions: fc.option(fc.subarray(ACTION_NAMES)),
});
const action = fc.constantFrom(...ACTION_NAMES);

test('an anonymous reader may read what is public and nothing else', () => {
  for (const name of ACTION_NAMES)
    expect([name, grantOf(ANONYMOUS, name)]).toEqual([name, name === 'public.read' ? 'all' : undefined]);
});

test('nobody who acts for a department touches what is not wholly of that department', () => {
  void fc.assert(
    fc.property(principal, action, fc.array(fc.option(department), { minLength: 1 }), (who, what, owners) => {
      fc.pre(who.role === 'department' && (ACTIONS[what] as Record<string, Grant>).department !== 'all');
      if (owners.some((owner) => owner === null || owner !== who.department))
        expect(mayAct(who, what, owners)).toBe(false);
    }),
  );
});

test('a department role without a department may do nothing for one', () => {
  void fc.assert(
    fc.property(action, (what) => {
      const nobody: Principal = { id: 'oidc:x', role: 'department', department: null, actions: null };
      expect(grantOf(nobody, what)).not.toBe('own');
    }),
  );
});

test('credentials narrowed to some actions never grant more than the role does, and nothing beside those actions', () => {
  void fc.assert(
    fc.property(principal, action, (who, what) => {
      const narrowed = grantOf(who, what);
      if (narrowed !== undefined) expect(narrowed).toBe(grantOf({ ...who, actions: null }, what));
      if (who.actions && !who.actions.includes(what) && what !== 'public.read' && what !== 'self.read')
        expect(narrowed).toBeUndefined();
    }),
  );
});

test('only operators manage keys, and a department never reads the audit log', () => {
  expect(ACTIONS['key.manage']).toEqual({ operator: 'all' });
  expect(Object.keys(ACTIONS['audit.read']).sort()).toEqual(['operator', 'reviewer']);
});
