import { type Connector, readingOptionsSchema, sourceError } from '@songhua/connector-sdk';
import { z } from 'zod';
import { readPushed } from './read.js';

const configSchema = z.strictObject({ ...readingOptionsSchema.shape });
export type PushConfig = z.infer<typeof configSchema>;

/** Reads what the department sends to `POST /api/v1/ingest/{connector}`. It has no secrets: who may send is for access control. */
export function createPushConnector(): Connector<PushConfig> {
  const nothing = () =>
    sourceError(
      'source.missing',
      'a push connector has no source that could be asked; apply it, then send a file with "songhua push CONNECTOR FILE"',
    );
  return {
    kind: 'push',
    title: { zh: '部门推送', en: 'Pushed by the department' },
    configSchema,
    async test() {
      return { message: 'nothing to reach: send files or records with "songhua push CONNECTOR FILE"' };
    },
    async discover(context) {
      if (context.pushed === undefined) throw nothing();
      return [];
    },
    async *read(context) {
      if (context.pushed === undefined) throw nothing();
      yield* readPushed(context, context.pushed);
    },
  };
}
