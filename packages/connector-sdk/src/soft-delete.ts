import { z } from 'zod';

/** What a config says of a column that marks deleted rows. */
export const softDeleteSchema = z.strictObject({
  column: z.string().min(1).max(256),
  deleted: z
    .array(z.string().max(200))
    .min(1)
    .max(100)
    .optional()
    .describe('Values that mean deleted; when absent, all but NULL, empty, 0, false, f, n and no'),
});
export type SoftDelete = z.infer<typeof softDeleteSchema>;

/** Of a kind whose rows pass through `withDeletions`. */
export const softDeleteShape = {
  softDelete: softDeleteSchema.optional().describe('Column that marks deleted rows; mode merge'),
};

const NOT_DELETED = new Set(['', '0', 'false', 'f', 'n', 'no']);

/** Whether a value of that column means that the row is deleted. */
export function isDeleted(value: string | null, softDelete: SoftDelete | undefined): boolean {
  if (softDelete?.deleted !== undefined) return value !== null && softDelete.deleted.includes(value);
  return value !== null && !NOT_DELETED.has(value.toLowerCase());
}
