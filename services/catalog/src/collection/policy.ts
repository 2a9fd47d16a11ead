import { z } from 'zod';

/** Below it, what a refresh has uploaded may go before its manifest names it. */
export const LEAST_GRACE_HOURS = 2;

const days = (usual: number) => z.coerce.number().min(0).max(36_500).default(usual);

/** How long things are kept; part of the configuration of the catalog service. */
export const retentionSchema = z.object({
  /** Hours between two collections; 0: only when somebody asks. */
  SONGHUA_GC_EVERY_HOURS: z.coerce.number().min(0).default(24),
  /**
   * Hours for which nothing that was just written goes, named or not. Longer than the longest piece of work, or what a refresh has uploaded goes
   * before its manifest names it: below `LEAST_GRACE_HOURS` only while no service works.
   */
  SONGHUA_GC_GRACE_HOURS: z.coerce.number().min(0).default(24),
  SONGHUA_GC_LANDING_DAYS: days(30),
  /** How many of the last reads of each connector keep what landed, whatever its age. */
  SONGHUA_GC_LANDING_KEEP: z.coerce.number().int().min(1).max(1000).default(2),
  SONGHUA_GC_PUSH_DAYS: days(30),
  SONGHUA_GC_REJECTED_DAYS: days(400),
  SONGHUA_GC_SYNC_DAYS: days(400),
  SONGHUA_GC_OUTBOX_DAYS: days(400),
  /** Unset: the audit log is never cut. */
  SONGHUA_GC_AUDIT_DAYS: z.coerce.number().min(1).max(36_500).optional(),
});
export type Retention = z.infer<typeof retentionSchema>;

const HOUR_MS = 3_600_000;
export const hoursBefore = (now: Date, hours: number): Date => new Date(now.getTime() - hours * HOUR_MS);
export const daysBefore = (now: Date, count: number): Date => hoursBefore(now, 24 * count);
