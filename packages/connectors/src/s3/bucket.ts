import { type ReadContext, sourceError, spool, throwIfAborted } from '@songhua/connector-sdk';
import { codeOf } from '@songhua/domain';
import { type BucketItem, Client } from 'minio';
import { connectError, createAgent } from '../network/index.js';
import { fixedFolder, matcher, type RemoteFile, type RemoteFiles } from '../remote-files/index.js';
import type { S3Config } from './s3.js';

/** The objects of a bucket that the config's path names. Opens no connection until the first call. */
export function openBucket(context: ReadContext<S3Config>): RemoteFiles {
  const { config, network, signal, limits } = context;
  const url = new URL(config.endpoint);
  network.check(url.hostname);
  const agent = createAgent(network, {
    tls: url.protocol === 'https:',
    ...(config.ca === undefined ? {} : { ca: config.ca }),
  });
  const client = new Client({
    endPoint: url.hostname,
    ...(url.port === '' ? {} : { port: Number(url.port) }),
    useSSL: url.protocol === 'https:',
    region: config.region,
    pathStyle: config.pathStyle,
    transportAgent: agent,
    ...credentialsOf(context.secrets),
  });
  const where = `${url.host}/${config.bucket}`;
  const call = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throwIfAborted(signal);
      throw bucketError(error, what);
    }
  };
  return {
    list: () => call(where, () => list(client, config, signal)),
    fetch: (file, path) =>
      call(`${where}/${file.name}`, async () => {
        // The copy of the moment of the listing, or none.
        const body = await client.getObject(config.bucket, file.name, {});
        const found = body as typeof body & { headers?: Record<string, string | undefined> };
        if (found.headers?.etag !== undefined && unquoted(found.headers.etag) !== file.validator) {
          body.destroy();
          throw changed(file.name);
        }
        const spooled = await spool(body, path, { maxBytes: limits.maxBytes, signal });
        if (spooled.bytes === file.bytes) return spooled;
        throw sourceError(
          'source.truncated',
          `${file.name}: ${spooled.bytes} of ${file.bytes} bytes came; it is tried again`,
        );
      }),
    async close() {
      agent.destroy();
    },
  };
}

const credentialsOf = ({ accessKey, secretKey }: Record<string, string>) =>
  accessKey === undefined || secretKey === undefined ? {} : { accessKey, secretKey };

async function list(client: Client, config: S3Config, signal: AbortSignal): Promise<RemoteFile[]> {
  const matches = matcher(config.path);
  const files: RemoteFile[] = [];
  for await (const item of client.listObjectsV2(config.bucket, fixedFolder(config.path), true)) {
    throwIfAborted(signal);
    const { name, size, etag, lastModified } = item as BucketItem;
    if (name === undefined || etag === undefined || name.endsWith('/') || !matches(name)) continue;
    files.push({
      name,
      bytes: size,
      validator: unquoted(etag),
      modifiedAt: (lastModified ?? new Date(0)).toISOString(),
    });
  }
  return files;
}

const unquoted = (etag: string): string => etag.replace(/^(W\/)?"?|"?$/g, '');

const changed = (name: string): Error =>
  sourceError('source.changed-while-reading', `${name} changed after it was listed; it is read again`);

// Codes of S3's error documents.
const DENIED = new Set(['AccessDenied', 'InvalidAccessKeyId', 'SignatureDoesNotMatch', 'AllAccessDisabled']);
const MISSING = new Set(['NoSuchBucket', 'NoSuchKey', 'NotFound']);

function bucketError(error: unknown, where: string): unknown {
  const code = codeOf(error) ?? '';
  if (/^(source|connector)\./.test(code)) return error;
  if (DENIED.has(code))
    return sourceError('source.denied', `${where} refuses access (${code}); check the connector's secrets`, {
      cause: error,
    });
  if (MISSING.has(code))
    return sourceError('source.missing', `${where} is not there (${code}); correct bucket and path`, { cause: error });
  if (code === 'ENOSPC') return error;
  if (
    /^(ECONNREFUSED|ENOTFOUND|EAI_|EHOSTUNREACH|ENETUNREACH|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|ERR_TLS|ERR_SSL|EPROTO)/.test(
      code,
    )
  )
    return connectError(error, where);
  return sourceError('source.failed', `${where} could not be read just now (${code || 'no code'}); it is tried again`, {
    cause: error,
  });
}
