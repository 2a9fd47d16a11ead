/** Who somebody is to Songhua. `anonymous` needs no credentials; a `department` member acts for one department. */
export const ROLES = ['operator', 'reviewer', 'department', 'portal', 'anonymous'] as const;
export type Role = (typeof ROLES)[number];

/** Everybody whom credentials can name. */
export const CREDENTIAL_ROLES = ['operator', 'reviewer', 'department', 'portal'] as const;
export type CredentialRole = (typeof CREDENTIAL_ROLES)[number];

/** `all`: of every department; `own`: of the principal's own department only. */
export type Grant = 'all' | 'own';
type Grants = Partial<Record<Role, Grant>>;

const EVERYBODY: Grants = { operator: 'all', reviewer: 'all', department: 'all', portal: 'all', anonymous: 'all' };
const WITH_CREDENTIALS: Grants = { operator: 'all', reviewer: 'all', department: 'all', portal: 'all' };
const SEEN: Grants = { operator: 'all', reviewer: 'all', department: 'own' };
const CHANGED: Grants = { operator: 'all', department: 'own' };

/** Who may do what: the whole policy. A role that an action does not name may not do it. */
export const ACTIONS = {
  /** Datasets, versions, rows, files, departments, domains, totals, changes, events, schemas, health. */
  'public.read': EVERYBODY,
  /** Who am I, and what may I do. */
  'self.read': WITH_CREDENTIALS,
  'resource.read': SEEN,
  'resource.change': CHANGED,
  'resource.approve': { operator: 'all', reviewer: 'all' },
  'connector.read': SEEN,
  'connector.change': CHANGED,
  /** Test, discover and preview: reaches into the source. */
  'connector.try': CHANGED,
  'ingest.push': CHANGED,
  'sync.read': SEEN,
  'sync.run': CHANGED,
  'sync.recover': { operator: 'all' },
  /** Removes what nothing names any more. */
  'gc.run': { operator: 'all' },
  'quarantine.read': SEEN,
  'quarantine.replay': CHANGED,
  'hold.read': SEEN,
  'hold.decide': SEEN,
  /** What a hold would have kept from being published is taken back. */
  'version.rollback': SEEN,
  'audit.read': { operator: 'all', reviewer: 'all' },
  'key.manage': { operator: 'all' },
} as const satisfies Record<string, Grants>;
export type Action = keyof typeof ACTIONS;
export const ACTION_NAMES = Object.keys(ACTIONS) as [Action, ...Action[]];

/** Somebody who acts, as audit rows name them: `key:<id>`, `oidc:<subject>`, `service:<name>` or `anonymous`. */
export interface Principal {
  id: string;
  role: Role;
  /** Of the role `department`, and of no other. */
  department: string | null;
  /** When given, nothing else may be done with these credentials, whatever the role grants. */
  actions: readonly Action[] | null;
}

export const ANONYMOUS: Principal = { id: 'anonymous', role: 'anonymous', department: null, actions: null };

/** What `principal` may do of `action`: on everything, on the own department's, or (undefined) nothing. */
export function grantOf(principal: Principal, action: Action): Grant | undefined {
  const grants: Grants = ACTIONS[action];
  // What everybody may do is no privilege that a narrower key could lose.
  if (grants.anonymous) return grants.anonymous;
  if (principal.actions && action !== 'self.read' && !principal.actions.includes(action)) return undefined;
  const grant = grants[principal.role];
  return grant === 'own' && principal.department === null ? undefined : grant;
}

/**
 * Whether `principal` may do `action` on things of these departments. `null` stands for what belongs to no department, such as
 * the whole estate; an empty list for what belongs to nobody yet.
 */
export function mayAct(principal: Principal, action: Action, departments: readonly (string | null)[]): boolean {
  const grant = grantOf(principal, action);
  if (grant === 'all') return true;
  return grant === 'own' && departments.every((department) => department === principal.department);
}

/** The only department on whose things `principal` may do `action`; undefined when it may on those of all. */
export const ownOnly = (principal: Principal, action: Action): string | undefined =>
  grantOf(principal, action) === 'all' ? undefined : (principal.department ?? '');

/** Whether some role may do `action` for its own department only, so that a route must find out whose a thing is. */
export function dependsOnDepartment(action: Action): boolean {
  return Object.values(ACTIONS[action] as Grants).includes('own');
}
