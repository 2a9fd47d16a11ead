import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { Readable } from 'node:stream';
import { type IngestAnswer, ingestAnswerSchema } from '@songhua/contracts';
import { codeOf, reasonOf, SonghuaError } from '@songhua/domain';
import type { Command } from 'commander';
import { isAway } from '../api.js';
import { action, EXIT } from '../exit.js';
import { exitOf, followRequest } from '../follow-request.js';
import { count, print } from '../format.js';
import { createProgress } from '../progress.js';
import { connect } from './connection.js';
import { resultShown } from './sync.js';

interface PushOptions {
  key?: string;
  name?: string;
  wait?: boolean;
  json?: boolean;
}

/** `push CONNECTOR FILE`. */
export function addPushCommand(program: Command): void {
  program
    .command('push <connector> <file>')
    .description('send a file or records to a connector of kind push; - is standard input / 推送文件或记录')
    .option(
      '--key <key>',
      'the same key with the same content counts once, so a push can be repeated; new each time when absent',
    )
    .option('--name <name>', 'what the content is called; the name of the file when absent')
    .option('--wait', 'follow to the terminal state')
    .option('--json')
    .action(
      action(async (connector: string, file: string, { key = randomUUID(), name, wait, json }: PushOptions) => {
        const body = file === '-' ? process.stdin : await opened(file);
        const called = name ?? (file === '-' ? undefined : basename(file));
        const { api } = await connect();
        const query = called === undefined ? '' : `?${new URLSearchParams({ name: called })}`;
        const content = { body: Readable.toWeb(body) as ReadableStream, headers: { 'idempotency-key': key } };
        const pushed: IngestAnswer = await api
          .upload(`/api/v1/ingest/${encodeURIComponent(connector)}${query}`, content, ingestAnswerSchema)
          .catch((error: unknown) => {
            throw isAway(error) ? repeatable(error, key) : error;
          });
        if (!wait) {
          print(
            json,
            pushed,
            () =>
              `${count(pushed.bytes)} bytes taken with key ${key}, sync ${pushed.sync}; follow with "songhua syncs show ${pushed.sync}"`,
          );
          return EXIT.done;
        }
        const result = await followRequest(api, pushed.request, createProgress());
        print(json, { ...pushed, ...result }, () => resultShown(result));
        return exitOf(result);
      }),
    );
}

/** A stream is sent once; whoever has the content can send it again. */
function repeatable(error: unknown, key: string): SonghuaError {
  const { code, message, actor } = reasonOf(error);
  return new SonghuaError(
    code,
    `${message}; it may have been taken: send it again with --key ${key}, and it counts once`,
    {
      cause: error,
      actor,
      retryable: true,
    },
  );
}

async function opened(file: string): Promise<Readable> {
  try {
    if ((await stat(file)).isFile()) return createReadStream(file);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'EACCES') throw error;
  }
  throw new SonghuaError('usage.file', `${file} is no file that can be read; name one, or - for standard input`, {
    actor: 'department',
  });
}
