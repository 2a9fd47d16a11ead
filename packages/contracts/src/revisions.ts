import { CONNECTOR_STATES, PROPOSAL_STAGES } from '@songhua/domain';
import { z } from 'zod';
import { RESOURCE_KINDS } from './resources.js';

export const differenceSchema = z.object({
  path: z.string(),
  before: z.unknown().optional(),
  after: z.unknown().optional(),
});

// What a change of a dataset's rules does to its data.
const causeSchema = z.object({
  code: z.enum(['refresh.landed', 'refresh.read', 'refresh.retried', 'refresh.none']),
  message: z.string(),
});
export type Cause = z.infer<typeof causeSchema>;

export const resourceChangeSchema = z.object({
  kind: z.enum(RESOURCE_KINDS),
  name: z.string(),
  change: z.enum(['create', 'change', 'delete']),
  /** The revision that the change makes. */
  revision: z.int(),
  differences: z.array(differenceSchema),
  /** Of a connector: whether the change runs, or waits for approval. */
  approval: z.enum(['approved', 'needed']).optional(),
  causes: z.array(causeSchema).optional().describe('what else it brings about'),
});
export type ResourceChange = z.infer<typeof resourceChangeSchema>;

/** What applying changes (or, on a dry run, would change); resources that stay as they are are only counted. */
export const appliedSchema = z.object({
  created: z.int(),
  changed: z.int(),
  unchanged: z.int(),
  changes: z.array(resourceChangeSchema),
});
export type Applied = z.infer<typeof appliedSchema>;

export const revisionSchema = z.object({
  kind: z.enum(RESOURCE_KINDS),
  name: z.string(),
  revision: z.int(),
  action: z.enum(['create', 'change', 'rollback', 'delete']),
  author: z.string(),
  at: z.string(),
  spec: z.record(z.string(), z.unknown()).nullable().describe('null once deleted'),
  labels: z.record(z.string(), z.string()),
  differences: z.array(differenceSchema).describe('what it changed'),
});
export type Revision = z.infer<typeof revisionSchema>;

/** Where a connector is in its life. */
export const connectorLifeSchema = z.object({
  name: z.string(),
  state: z.enum(CONNECTOR_STATES),
  revision: z.int().describe('the newest'),
  approved: z.int().nullable().describe('the revision that runs'),
  proposal: z
    .object({ revision: z.int(), stage: z.enum(PROPOSAL_STAGES) })
    .nullable()
    .describe('the revision that waits for approval'),
  remark: z.string().nullable().describe('why it was refused or halted'),
});
export type ConnectorLife = z.infer<typeof connectorLifeSchema>;

/** Body of `/api/v1/connectors/{name}:submit` and the other steps of its life. */
export const lifecycleRequestSchema = z.strictObject({
  reason: z.string().min(1).max(2000).optional(),
  revision: z.int().positive().optional().describe('approve or refuse only this one'),
});
