import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ReadContext, sourceError, throwIfAborted } from '@songhua/connector-sdk';
import { codeOf } from '@songhua/domain';
import { z } from 'zod';
import { httpConfigSchema } from '../http/config.js';
import type { Download } from '../http/download.js';
import { shown } from '../http/errors.js';
import { createExchange } from '../http/exchange.js';
import { openSession } from '../http/session.js';
import { createTokenCache } from '../http/tokens.js';
import type { CkanConfig } from './config.js';
import { type Dataset, datasetSchema } from './resource.js';

export interface Page {
  total: number;
  /** Of all rows, `_id` among them. */
  fields: string[];
  rows: number;
  sha256: string;
}

/** A portal, for the time of one read. The secret `token` goes to the portal itself only. Errors are `source.…`. */
export interface Portal {
  /** Throws `source.missing` and `source.denied`, also of a private dataset. */
  dataset(): Promise<Dataset>;
  /** A file into `path`; undefined when it is as `headers` say it was. */
  download(url: string, path: string, headers: Record<string, string>): Promise<Download | undefined>;
  /** Rows of the DataStore from `offset` on, in the order of their ids, as the portal's own answer in `path`. */
  page(resource: string, offset: number, path: string): Promise<Page>;
  close(): Promise<void>;
}

// Metadata of the largest datasets is a few MB.
const ANSWER_BYTES = 32 * 1024 * 1024;

const answerSchema = z.looseObject({ success: z.literal(true), result: z.unknown() });
const pageSchema = z.looseObject({
  total: z.int().nonnegative(),
  fields: z.array(z.looseObject({ id: z.string() })),
  records: z.array(z.unknown()),
});

export function openPortal(context: ReadContext<CkanConfig>): Portal {
  throwIfAborted(context.signal);
  const { config, secrets, network, tempDir, limits } = context;
  const { portal, dataset, tls, requestsPerSecond, pageRows } = config;
  const exchange = createExchange(network, tls.ca);
  const http = httpConfigSchema.parse({
    url: portal,
    ...(requestsPerSecond === undefined ? {} : { requestsPerSecond }),
    authentication:
      // CKAN wants the token as it is, without a scheme.
      secrets.token === undefined ? { type: 'none' } : { type: 'apiKey', header: { Authorization: 'token' } },
  });
  const session = openSession({ ...context, config: http }, { exchange, tokens: createTokenCache() });
  const plan = (url: URL) => ({ method: 'GET' as const, url, headers: {}, body: undefined });
  const act = async <T extends z.ZodType>(
    action: string,
    query: Record<string, string>,
    { path, schema, maxBytes = ANSWER_BYTES }: { path: string; schema: T; maxBytes?: number },
  ): Promise<{ result: z.infer<T>; sha256: string }> => {
    const url = new URL(`${portal.replace(/\/+$/, '')}/api/3/action/${action}?${new URLSearchParams(query)}`);
    const download = await session.fetch(plan(url), { path, maxBytes, patient: true });
    const answer = answerSchema.safeParse(parsed(await readFile(path, 'utf8')));
    const result = answer.success ? schema.safeParse(answer.data.result) : undefined;
    if (!download || !result?.success)
      throw sourceError(
        'source.refused',
        `${shown(url)} does not answer as CKAN does; correct \`portal\`, which is the address without /api`,
      );
    return { result: result.data, sha256: download.sha256 };
  };
  return {
    async dataset() {
      try {
        const asked = { path: join(tempDir, 'dataset'), schema: datasetSchema };
        return (await act('package_show', { id: dataset }, asked)).result;
      } catch (error) {
        throw datasetError(error, `dataset ${dataset} of ${portal}`);
      }
    },
    download: (url, path, headers) => {
      if (!URL.canParse(url, portal))
        throw sourceError(
          'source.failed',
          `the resource's address on ${portal} is not valid; its portal must correct it`,
        );
      return session.fetch(plan(new URL(url, portal)), { path, maxBytes: limits.maxBytes, headers });
    },
    async page(resource, offset, path) {
      const query = { resource_id: resource, limit: String(pageRows), offset: String(offset), sort: '_id' };
      const { result, sha256 } = await act('datastore_search', query, {
        path,
        schema: pageSchema,
        maxBytes: limits.maxBytes,
      });
      const { total, fields, records } = result;
      return { total, fields: fields.map(({ id }) => id), rows: records.length, sha256 };
    },
    close: () => exchange.close(),
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function datasetError(error: unknown, what: string): unknown {
  const code = codeOf(error);
  if (code === 'source.missing')
    return sourceError(code, `${what} is not there, or is private; correct \`dataset\`, or give the secret token`, {
      cause: error,
    });
  if (code === 'source.denied')
    return sourceError(code, `${what} may not be read; make it public, or correct the secret token`, { cause: error });
  return error;
}
