import { readingOptionsSchema, softDeleteShape } from '@songhua/connector-sdk';
import { z } from 'zod';
import { caSchema } from '../network/index.js';

export const ckanConfigSchema = z.strictObject({
  portal: z
    .url({ protocol: /^https?$/, error: 'expected the address of the portal, such as https://data.example.gov.cn' })
    .describe('Address of the portal, as in https://data.example.gov.cn'),
  dataset: z
    .string()
    .regex(/^[\p{L}\p{N}_-]{1,100}$/u)
    .describe('Id or name of the dataset'),
  resource: z
    .string()
    .min(1)
    .max(500)
    .optional()
    .describe('Id, name or format of the resource; may be left out where the dataset has one'),
  datastore: z.boolean().default(false).describe("Read the resource's rows from the DataStore instead of its file"),
  pageRows: z.int().min(1).max(32_000).default(5_000).describe('Rows of the DataStore asked for at once'),
  requestsPerSecond: z.number().min(0.01).max(1000).optional(),
  tls: z.strictObject({ ca: caSchema.optional() }).default({}),
  ...softDeleteShape,
  ...readingOptionsSchema.shape,
});
export type CkanConfig = z.infer<typeof ckanConfigSchema>;
