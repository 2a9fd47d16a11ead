import { ACTION_NAMES, CREDENTIAL_ROLES, isName, type Principal, ROLES, SonghuaError } from '@songhua/domain';
import { z } from 'zod';
import { momentSchema } from './storable.js';

/** On calls between services: the principal for whom the call is made. Believed only beside the internal token. */
export const PRINCIPAL_HEADER = 'songhua-principal';

const department = z.string().refine(isName, 'use 1 to 100 of a-z, 0-9 and inner hyphens');
const actions = z.array(z.enum(ACTION_NAMES));

export const principalSchema = z.strictObject({
  id: z.string().min(1).max(300),
  role: z.enum(ROLES),
  department: department.nullable(),
  actions: actions.nullable(),
});

/** Header values are ASCII; the subject of a token need not be. */
export function encodePrincipal(principal: Principal): string {
  return Buffer.from(JSON.stringify(principal)).toString('base64url');
}

/** Throws `access.principal` when the header is missing or not one that `encodePrincipal` made. */
export function decodePrincipal(header: string | string[] | undefined): Principal {
  try {
    return principalSchema.parse(JSON.parse(Buffer.from(String(header), 'base64url').toString()));
  } catch (cause) {
    throw new SonghuaError(
      'access.principal',
      `the header ${PRINCIPAL_HEADER} names nobody; update both services to the same release`,
      { cause, actor: 'operator' },
    );
  }
}

/** `POST /api/v1/keys`. */
export const keyRequestSchema = z
  .strictObject({
    title: z.string().min(1).max(200).describe('what the key is for, so that it can be told from others later'),
    role: z.enum(CREDENTIAL_ROLES),
    department: department.optional().describe('of the role department: the only one that the key acts for'),
    actions: actions.min(1).optional().describe('narrows what the role may do, for example to ingest.push'),
    expiresAt: momentSchema.optional(),
  })
  .refine((key) => (key.role === 'department') === (key.department !== undefined), {
    path: ['department'],
    message: 'say it for the role department, and for no other',
  });
export type KeyRequest = z.infer<typeof keyRequestSchema>;

/** What is known of a key; the key itself is shown once, when it is made. */
export const keyEntrySchema = z.object({
  id: z.string(),
  /** How the key begins. */
  prefix: z.string(),
  title: z.string(),
  role: z.enum(CREDENTIAL_ROLES),
  department: z.string().nullable(),
  actions: actions.nullable(),
  state: z.enum(['active', 'expired', 'revoked']),
  createdAt: z.string(),
  createdBy: z.string(),
  expiresAt: z.string().nullable(),
  /** To the hour. */
  lastUsedAt: z.string().nullable(),
  revokedAt: z.string().nullable(),
});
export type KeyEntry = z.infer<typeof keyEntrySchema>;
export const keyMadeSchema = keyEntrySchema.extend({ key: z.string() });
export type KeyMade = z.infer<typeof keyMadeSchema>;

export const auditEntrySchema = z.object({
  sequence: z.int(),
  at: z.string(),
  actor: z.string(),
  action: z.string(),
  subject: z.string(),
  detail: z.record(z.string(), z.unknown()),
  /** Hex. */
  hash: z.string(),
});
export type AuditEntry = z.infer<typeof auditEntrySchema>;

/** The last row of the log: noted down elsewhere, it shows later that nothing was cut off. */
export const auditHeadSchema = z.object({ sequence: z.int().min(0), hash: z.string().regex(/^([0-9a-f]{64})?$/) });
export type AuditHead = z.infer<typeof auditHeadSchema>;

export const AUDIT_FAULTS = ['edited', 'removed', 'reordered', 'truncated'] as const;
export const auditVerdictSchema = z.object({
  ok: z.boolean(),
  /** Rows found sound, from the first on. */
  count: z.int(),
  head: auditHeadSchema,
  /** Heads noted earlier that the log was held against. */
  anchors: z.int(),
  bad: z
    .object({ sequence: z.int(), fault: z.enum(AUDIT_FAULTS), message: z.string() })
    .nullable()
    .describe('the first row that is wrong'),
});
export type AuditVerdict = z.infer<typeof auditVerdictSchema>;
