import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { SyncWithRefresh } from '@songhua/catalog';
import {
  type IngestAnswer,
  idempotencyKeySchema,
  ingestAnswerSchema,
  keys,
  type Push,
  pushAcceptedSchema,
} from '@songhua/contracts';
import { SonghuaError } from '@songhua/domain';
import { withFolder } from '@songhua/runtime';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { owned } from '../access/owners.js';
import type { App, Routes } from '../http/app.js';
import { unknown } from '../http/problems.js';
import { name } from '../http/schemas.js';

const MOST_WAIT_SECONDS = 300;
const POLL_MS = 250;
const NAME_CHARS = 200;
// What is never rows; any other type may be a file's, because clients that do not know it say what they like.
const NO_DATA = /^(?:image|audio|video|font)\/|^text\/html\b|^application\/(?:xhtml\+xml|pdf)\b/i;
const OCTETS = 'application/octet-stream';

const problem = (code: string, message: string): SonghuaError =>
  new SonghuaError(`ingest.${code}`, message, { actor: 'department' });

/**
 * Departments send files or records. The content is in the object store before the answer says that it was taken, and the sync that
 * reads it is in the same transaction as its registration, so nothing that was taken is lost.
 */
export const ingestRoutes: Routes = (app, { catalog, store, connectors, pushes }) => {
  void app.register(async (scope) => {
    // The body is content, whatever it is: nothing of it is read into memory.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
    (scope.withTypeProvider() as unknown as App).post(
      '/api/v1/ingest/:connector',
      {
        config: { access: 'ingest.push', department: owned.connector('connector') },
        schema: {
          tags: ['operate'],
          summary: 'Send a file, or records as {"records": […], "deletes": […]} or NDJSON, to a connector of kind push',
          params: z.object({ connector: name }),
          querystring: z.object({
            name: z.string().min(1).max(NAME_CHARS).optional(),
            wait: z.coerce.number().int().min(0).max(MOST_WAIT_SECONDS).default(0),
          }),
          response: { 200: ingestAnswerSchema, 202: ingestAnswerSchema },
        },
      },
      async (request, reply) => {
        const { connector } = request.params;
        const known = await catalog.connectors.get(connector);
        if (!known) throw unknown('connector', `no connector is named ${connector}; apply it first`);
        if (known.kind !== 'push')
          throw problem('not-push', `connector ${connector} is of kind ${known.kind}; send to one of kind push`);
        const key = idempotencyKeySchema.safeParse(request.headers['idempotency-key']);
        if (!key.success)
          throw problem(
            'key-missing',
            'send the header Idempotency-Key, new for new content, so that a repeated request counts once',
          );
        const type = request.headers['content-type'] ?? OCTETS;
        if (/^multipart\//i.test(type))
          throw problem('multipart', 'send the file itself as body, as with curl --data-binary @FILE, not as a form');
        if (NO_DATA.test(type))
          throw problem('type', `${type} holds no rows; send CSV, JSON, NDJSON, XML, a workbook or an archive of them`);
        if (Number(request.headers['content-length'] ?? 0) > pushes.maxBytes) throw tooLarge(pushes.maxBytes);

        const objectKey = keys.pushed(known.id, randomUUID());
        const { bytes, sha256 } = await withFolder(pushes.folder, 'push', async (folder) => {
          const path = join(folder, 'body');
          const received = await receive(request.body as Readable | undefined, path, pushes.maxBytes);
          await store.putFile(objectKey, path, OCTETS);
          return received;
        });
        const push: Push = {
          connector,
          key: key.data,
          sha256,
          bytes,
          objectKey,
          name: request.query.name ?? nameIn(request.headers['content-disposition']) ?? `${connector}${suffixOf(type)}`,
        };
        const answer = await connectors.as(request.principal).call('POST', '/ingest', push);
        const accepted = answer.status === 202 ? pushAcceptedSchema.parse(JSON.parse(answer.body)) : undefined;
        if (accepted?.objectKey !== objectKey) await store.delete([objectKey]);
        if (!accepted) {
          (reply as FastifyReply).status(answer.status).header('content-type', answer.contentType).serializer(String);
          return reply.send(answer.body as never);
        }
        const sync = await followed(() => catalog.syncs.get(accepted.sync), Date.now() + request.query.wait * 1000);
        const shown = answerOf({ connector, ...accepted, bytes, sha256 }, sync);
        return reply
          .status(sync && isEnded(sync) ? 200 : 202)
          .header('location', shown.url)
          .send(shown);
      },
    );
  });
};

async function receive(
  body: Readable | undefined,
  path: string,
  maxBytes: number,
): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes > maxBytes) return done(tooLarge(maxBytes));
      hash.update(chunk);
      return done(null, chunk);
    },
  });
  if (body) await pipeline(body, meter, createWriteStream(path));
  if (bytes === 0) throw problem('empty', 'the body is empty; send a file or records');
  return { bytes, sha256: hash.digest('hex') };
}

const tooLarge = (maxBytes: number): SonghuaError =>
  problem(
    'too-large',
    `the body has more than ${maxBytes} bytes; send it in parts, or ask the operator for a higher limit`,
  );

const isEnded = ({ state, refresh }: SyncWithRefresh): boolean =>
  state === 'failed' || state === 'unchanged' || (refresh !== null && refresh.state !== 'running');

async function followed(
  get: () => Promise<SyncWithRefresh | undefined>,
  until: number,
): Promise<SyncWithRefresh | undefined> {
  for (;;) {
    const sync = await get();
    if (!sync || isEnded(sync) || Date.now() >= until) return sync;
    await new Promise((resolve) => setTimeout(resolve, Math.min(POLL_MS, until - Date.now())));
  }
}

function answerOf(
  {
    connector,
    sync,
    request,
    bytes,
    sha256,
  }: Pick<IngestAnswer, 'connector' | 'sync' | 'request' | 'bytes' | 'sha256'>,
  found: SyncWithRefresh | undefined,
): IngestAnswer {
  const reason = found?.reason ?? found?.refresh?.reason;
  return {
    connector,
    sync,
    request,
    url: `/api/v1/syncs/${sync}`,
    bytes,
    sha256,
    state: found?.state ?? 'queued',
    refresh: found?.refresh?.state ?? null,
    version: found?.refresh?.version ?? null,
    reason: reason ? { code: reason.code, message: reason.message } : null,
  };
}

/** The last part of the file name that the sender gives, RFC 6266. */
function nameIn(disposition: string | undefined): string | undefined {
  const extended = /filename\*\s*=\s*UTF-8''([^;]+)/i.exec(disposition ?? '')?.[1];
  const plain = /filename\s*=\s*(?:"([^"]*)"|([^;]+))/i.exec(disposition ?? '');
  const given = extended === undefined ? (plain?.[1] ?? plain?.[2]) : decoded(extended);
  const last = given
    ?.split(/[\\/]/)
    .at(-1)
    ?.replace(/\p{Cc}/gu, '')
    .trim()
    .slice(0, NAME_CHARS);
  return last === '' ? undefined : last;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.trim());
  } catch {
    return text;
  }
}

const SUFFIXES: [RegExp, string][] = [
  [/ndjson|jsonl|json-seq/i, '.ndjson'],
  [/json/i, '.json'],
  [/csv/i, '.csv'],
  [/xml/i, '.xml'],
  [/spreadsheetml/i, '.xlsx'],
];
const suffixOf = (type: string): string => SUFFIXES.find(([pattern]) => pattern.test(type))?.[1] ?? '';
