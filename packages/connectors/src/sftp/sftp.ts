import {
  type Connector,
  type ReadContext,
  readingOptionsSchema,
  type SourceMessage,
  softDeleteShape,
  withDeletions,
} from '@songhua/connector-sdk';
import { z } from 'zod';
import { hostSchema } from '../network/index.js';
import { discoverRemoteFiles, type RemoteFiles, readRemoteFiles } from '../remote-files/index.js';
import { openSession } from './session.js';

const configSchema = z.strictObject({
  host: hostSchema,
  port: z.int().min(1).max(65_535).default(22),
  path: z
    .string()
    .min(1)
    .max(4096)
    .describe('File, or glob, from the login folder or absolute; several files are one table'),
  hostKey: z
    .string()
    .regex(/^SHA256:[A-Za-z0-9+/]{43}=?$/, 'use the fingerprint as ssh-keygen -lf prints it: SHA256:…')
    .describe("Fingerprint of the server's key; `connectors test` without the right one tells what the server shows"),
  ...softDeleteShape,
  ...readingOptionsSchema.shape,
});
export type SftpConfig = z.infer<typeof configSchema>;

/** Reads files from an SFTP server. Secrets: `username` and `password`, or `username`, `privateKey` and, if it has one, `passphrase`. */
export function createSftpConnector(): Connector<SftpConfig> {
  const withSession = async <T>(
    context: ReadContext<SftpConfig>,
    work: (session: RemoteFiles) => Promise<T>,
  ): Promise<T> => {
    const session = await openSession(context);
    try {
      return await work(session);
    } finally {
      await session.close();
    }
  };
  return {
    kind: 'sftp',
    title: { zh: 'SFTP 文件', en: 'Files by SFTP' },
    configSchema,
    test: (context) =>
      withSession(context, async (session) => {
        const [stream] = await discoverRemoteFiles(context, session);
        return { message: `${(await session.list()).length} file(s), ${stream?.columns.length ?? 0} columns` };
      }),
    discover: (context) => withSession(context, (session) => discoverRemoteFiles(context, session)),
    read: (context) => withDeletions(context, read(context)),
  };
}

async function* read(context: ReadContext<SftpConfig>): AsyncGenerator<SourceMessage> {
  const session = await openSession(context);
  try {
    yield* readRemoteFiles(context, session);
  } finally {
    await session.close();
  }
}
