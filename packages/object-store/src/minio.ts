import type { Readable } from 'node:stream';
import { Client } from 'minio';
import { downloadTo, openBody, readLimited } from './download.js';
import { objectError, storeError } from './errors.js';
import { withPrefix } from './prefix.js';
import { createTransport } from './transport.js';
import type { ObjectInfo, ObjectStore, ObjectStoreOptions } from './types.js';
import { putBuffer, putLocalFile, type Target } from './upload.js';

const MAX_KEY_BYTES = 1024; // S3's own limit
const LIST_PAGE = 1000; // S3's own limit
const DELETE_PAGE = 1000; // S3's own limit

/** The S3 port on the minio client. Opens no connection until the first call; idle connections keep no process alive. */
export function createMinioStore(options: ObjectStoreOptions): ObjectStore {
  const { bucket, prefix = '', region = 'us-east-1' } = options;
  const client = connect(options, region);
  const at = (method: string, key = ''): string => `${method} ${bucket}/${key} at ${options.endpoint}`;

  const call = async <T>(where: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw storeError(error, where);
    }
  };
  const target = (key: string, contentType: string): Target => {
    assertKey(key);
    return { client, bucket, key, contentType };
  };
  const fetchBody = async (key: string, range?: { start: number; end: number }) => {
    assertKey(key);
    const length = range ? range.end - range.start + 1 : 0;
    return client.getPartialObject(bucket, key, range?.start ?? 0, length) as Promise<
      import('node:http').IncomingMessage
    >;
  };

  const store: ObjectStore = {
    put: (key, body, contentType) => call(at('PUT', key), () => putBuffer(target(key, contentType), body)),

    putFile: (key, path, contentType) => call(at('PUT', key), () => putLocalFile(target(key, contentType), path)),

    putIfAbsent: (key, body, contentType) =>
      call(at('PUT', key), async () => {
        try {
          await putBuffer(target(key, contentType), body, { 'if-none-match': '*' });
          return 'created';
        } catch (error) {
          if ((error as { code?: unknown }).code === 'PreconditionFailed') return 'exists';
          throw error;
        }
      }),

    read: (key, range): Promise<Readable> =>
      call(at('GET', key), async () => openBody(await fetchBody(key, range), at('GET', key))),

    readAll: (key, maxBytes) =>
      call(at('GET', key), async () => readLimited(await fetchBody(key), maxBytes, at('GET', key))),

    download: (key, path) => call(at('GET', key), async () => downloadTo(await fetchBody(key), path, at('GET', key))),

    stat: async (key): Promise<ObjectInfo | undefined> => {
      assertKey(key);
      try {
        const { size, etag, lastModified } = await client.statObject(bucket, key);
        return { key, bytes: size, etag, modifiedAt: lastModified };
      } catch (error) {
        const known = storeError(error, at('HEAD', key));
        if (known.code === 'object.missing') return undefined;
        throw known;
      }
    },

    async *list(prefix): AsyncIterable<ObjectInfo> {
      let token = '';
      do {
        const page = await call(at('LIST', prefix), () =>
          client.listObjectsV2Query(bucket, prefix, token, '', LIST_PAGE, ''),
        );
        for (const item of page.objects)
          if (item.name !== undefined)
            yield {
              key: item.name,
              bytes: item.size,
              etag: item.etag ?? '',
              modifiedAt: item.lastModified ?? new Date(0),
            };
        token = page.isTruncated ? page.nextContinuationToken : '';
      } while (token !== '');
    },

    async delete(keys) {
      for (const key of keys) assertKey(key);
      for (let from = 0; from < keys.length; from += DELETE_PAGE) {
        const failed = await call(at('DELETE'), () =>
          client.removeObjects(bucket, keys.slice(from, from + DELETE_PAGE)),
        );
        const first = failed.map(deleteFailure).find((failure) => failure.Code !== 'NoSuchKey');
        if (first) throw storeError({ code: first.Code, message: first.Message }, at('DELETE', first.Key));
      }
    },

    ensureBucket: () =>
      call(at('PUT'), async () => {
        if (await client.bucketExists(bucket)) return;
        try {
          await client.makeBucket(bucket, region);
        } catch (error) {
          // Another process made it in between.
          const code = (error as { code?: unknown }).code;
          if (code !== 'BucketAlreadyOwnedByYou' && code !== 'BucketAlreadyExists') throw error;
        }
      }),

    ping: () =>
      call(at('HEAD'), async () => {
        if (!(await client.bucketExists(bucket)))
          throw objectError('object.bucket-missing', `bucket ${bucket} does not exist at ${options.endpoint}`);
      }),
  };
  return prefix === '' ? store : withPrefix(store, prefix);
}

function connect(options: ObjectStoreOptions, region: string): Client {
  const url = URL.canParse(options.endpoint) ? new URL(options.endpoint) : undefined;
  if (!url || !['http:', 'https:'].includes(url.protocol) || url.pathname !== '/')
    throw objectError(
      'object.endpoint-invalid',
      `object store endpoint ${JSON.stringify(options.endpoint)} is not valid: use http://host:port or https://host:port`,
    );
  const secure = url.protocol === 'https:';
  const { transport, agent } = createTransport(secure, options.silenceMs);
  return new Client({
    endPoint: url.hostname.replace(/^\[|\]$/g, ''),
    useSSL: secure,
    ...(url.port ? { port: Number(url.port) } : {}),
    accessKey: options.accessKey,
    secretKey: options.secretKey,
    region,
    transport,
    transportAgent: agent,
    // Its retry would send a consumed stream again and hides the status; callers retry by our codes.
    retryOptions: { disableRetry: true },
  });
}

/** Keys come from internal ids; anything that a file system or URL could read as a path elsewhere is a defect. */
function assertKey(key: string): void {
  const bad =
    key === '' ||
    Buffer.byteLength(key) > MAX_KEY_BYTES ||
    key.includes('\0') ||
    key.split('/').some((part) => part === '' || part === '.' || part === '..');
  if (bad)
    throw objectError(
      'object.invalid-key',
      `object key ${JSON.stringify(key.slice(0, 200))} is not valid: 1 to ${MAX_KEY_BYTES} bytes, parts between slashes neither empty nor dots`,
    );
}

interface DeleteFailure {
  Code?: string;
  Message?: string;
  Key?: string;
}

// The client's types nest the failure in `Error`; what it returns is the failure itself.
const deleteFailure = (failure: unknown): DeleteFailure => (failure ?? {}) as DeleteFailure;
