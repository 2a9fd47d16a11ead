import { z } from 'zod';
import { changesSchema } from './manifest.js';

/** CloudEvents 1.0, structured JSON; the message key is the dataset's name. */
export const versionEventSchema = z.object({
  specversion: z.literal('1.0'),
  id: z.string(),
  source: z.string(),
  type: z.enum(['version.published', 'version.withdrawn']),
  subject: z.string(),
  time: z.string(),
  datacontenttype: z.literal('application/json'),
  traceparent: z.string().optional(),
  data: z.object({
    dataset: z.string(),
    version: z.int(),
    identity: z.string(),
    rows: z.int(),
    changes: changesSchema,
    manifest: z.string(),
    sync: z.string(),
  }),
});
export type VersionEvent = z.infer<typeof versionEventSchema>;
