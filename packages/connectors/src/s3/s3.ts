import {
  type Connector,
  type ReadContext,
  readingOptionsSchema,
  type SourceMessage,
  softDeleteShape,
  withDeletions,
} from '@songhua/connector-sdk';
import { z } from 'zod';
import { caSchema } from '../network/index.js';
import { discoverRemoteFiles, readRemoteFiles } from '../remote-files/index.js';
import { openBucket } from './bucket.js';

function isServiceAlone(address: string): boolean {
  if (!URL.canParse(address)) return true;
  const { pathname, search } = new URL(address);
  return pathname === '/' && search === '';
}

const configSchema = z.strictObject({
  endpoint: z
    .url({ protocol: /^https?$/, error: 'expected the address of the service, such as https://s3.example.gov.cn' })
    .refine(isServiceAlone, 'expected the address of the service alone: the bucket is said as `bucket`, keys as `path`')
    .describe('Address of the S3 service, e.g. https://s3.example.gov.cn'),
  bucket: z.string().min(1).max(255),
  path: z
    .string()
    .min(1)
    .max(1024)
    .describe('Key, or glob over keys, e.g. outbox/scores-*.csv; several objects are one table'),
  region: z.string().max(64).default('us-east-1'),
  pathStyle: z.boolean().default(true).describe('Bucket in the path instead of the host name'),
  ca: caSchema.optional(),
  ...softDeleteShape,
  ...readingOptionsSchema.shape,
});
export type S3Config = z.infer<typeof configSchema>;

/** Reads objects of an S3 bucket. Secrets: `accessKey` and `secretKey`; without them the bucket is read anonymously. */
export function createS3Connector(): Connector<S3Config> {
  const withBucket = async <T>(
    context: ReadContext<S3Config>,
    work: (bucket: ReturnType<typeof openBucket>) => Promise<T>,
  ): Promise<T> => {
    const bucket = openBucket(context);
    try {
      return await work(bucket);
    } finally {
      await bucket.close();
    }
  };
  return {
    kind: 's3',
    title: { zh: 'S3 对象存储', en: 'S3 object storage' },
    configSchema,
    test: (context) =>
      withBucket(context, async (bucket) => {
        const [stream] = await discoverRemoteFiles(context, bucket);
        return { message: `${(await bucket.list()).length} object(s), ${stream?.columns.length ?? 0} columns` };
      }),
    discover: (context) => withBucket(context, (bucket) => discoverRemoteFiles(context, bucket)),
    read: (context) => withDeletions(context, read(context)),
  };
}

async function* read(context: ReadContext<S3Config>): AsyncGenerator<SourceMessage> {
  const bucket = openBucket(context);
  try {
    yield* readRemoteFiles(context, bucket);
  } finally {
    await bucket.close();
  }
}
