import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { type ReadContext, sourceError, spool, throwIfAborted } from '@songhua/connector-sdk';
import { codeOf } from '@songhua/domain';
import { Client, type FileEntryWithStats, type SFTPWrapper, type Stats } from 'ssh2';
import { fixedFolder, matcher, type RemoteFile, type RemoteFiles } from '../remote-files/index.js';
import type { SftpConfig } from './sftp.js';

const HANDSHAKE_MS = 20_000;
// Noticed within three of these that a server went away without a word.
const KEEPALIVE_MS = 10_000;
// SFTP tells whole seconds, so a file touched within the last two may change again unseen.
const RACY_MS = 2_000;
const DEEPEST_FOLDER = 16;

/** A login on the server, whose key must be the one in the config. Throws `source.denied`, `source.refused`, `source.unreachable`. */
export async function openSession(context: ReadContext<SftpConfig>): Promise<RemoteFiles> {
  const { config, signal, limits } = context;
  throwIfAborted(signal);
  const where = `${config.host}:${config.port}`;
  const client = await login(context, where);
  const stop = (): void => {
    client.destroy();
  };
  signal.addEventListener('abort', stop, { once: true });
  const call = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throwIfAborted(signal);
      throw sftpError(error, what);
    }
  };
  const close = async (): Promise<void> => {
    signal.removeEventListener('abort', stop);
    client.end();
  };
  try {
    const sftp = await call(where, () => promisify(client.sftp.bind(client))() as Promise<SFTPWrapper>);
    const stat = promisify(sftp.stat.bind(sftp)) as (path: string) => Promise<Stats>;
    return {
      list: () => call(`${where}/${config.path}`, () => list(sftp, config.path, signal)),
      fetch: (file, path) =>
        call(`${where}/${file.name}`, async () => {
          const spooled = await spool(sftp.createReadStream(file.name), path, { maxBytes: limits.maxBytes, signal });
          const now = await stat(file.name);
          if (now.size === spooled.bytes && now.mtime * 1000 === Date.parse(file.modifiedAt)) return spooled;
          throw sourceError(
            'source.changed-while-reading',
            `${file.name} changed while it was being read; it is read again, and if this keeps happening, write it under another name and rename it when complete`,
          );
        }),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function login({ config, secrets, network, signal }: ReadContext<SftpConfig>, where: string): Promise<Client> {
  const { username, password, privateKey, passphrase } = secrets;
  if (username === undefined || (password === undefined && privateKey === undefined))
    throw sourceError('connector.config-invalid', 'give the secrets username and password, or username and privateKey');
  const sock = await network.connect({ host: config.host, port: config.port, signal });
  let shown = '';
  let answered = false;
  return new Promise((resolve, reject) => {
    const client = new Client();
    client.once('ready', () => {
      client.removeAllListeners('error');
      // A connection that breaks later fails the call that uses it.
      client.on('error', () => undefined);
      resolve(client);
    });
    // Servers that ask by themselves, as those behind PAM do; what asks for more than the password is not for a program.
    client.on('keyboard-interactive', (_name, _instructions, _language, prompts, answer) => {
      const asksForPassword = prompts.length === 1 && prompts[0]?.echo !== true && !answered;
      answered = true;
      answer(asksForPassword ? [password ?? ''] : []);
    });
    client.once('error', (error: Error & { level?: string }) => {
      client.destroy();
      if (signal.aborted) return reject(abortError(signal));
      if (shown !== '' && shown !== bareKey(config.hostKey)) return reject(wrongHostKey(where, shown, error));
      if (error.level === 'client-authentication') return reject(denied(where, error));
      return reject(sftpError(error, where));
    });
    try {
      client.connect({
        sock,
        username,
        ...(password === undefined ? {} : { password, tryKeyboard: true }),
        ...(privateKey === undefined ? {} : { privateKey }),
        ...(passphrase === undefined ? {} : { passphrase }),
        readyTimeout: HANDSHAKE_MS,
        keepaliveInterval: KEEPALIVE_MS,
        hostVerifier: (key: Buffer) => {
          shown = createHash('sha256').update(key).digest('base64').replace(/=$/, '');
          return shown === bareKey(config.hostKey);
        },
      });
    } catch (cause) {
      // The library says what is wrong with a key by showing none of it, but not whose it is.
      sock.destroy();
      reject(
        sourceError(
          'connector.config-invalid',
          'the secret privateKey is no private key in OpenSSH or PEM form, or its passphrase is wrong',
          { cause },
        ),
      );
    }
  });
}

const bareKey = (fingerprint: string): string => fingerprint.replace(/^SHA256:|=$/g, '');

function abortError(signal: AbortSignal): unknown {
  try {
    throwIfAborted(signal);
  } catch (error) {
    return error;
  }
  return undefined;
}

const wrongHostKey = (where: string, shown: string, cause: unknown): Error =>
  sourceError(
    'source.refused',
    `${where} shows the host key SHA256:${shown}, which is not the connector's hostKey; ask its owner whether that key is right, and correct hostKey only then`,
    { cause },
  );

const denied = (where: string, cause: unknown): Error =>
  sourceError('source.denied', `${where} does not accept the login; check the connector's secrets`, { cause });

async function list(sftp: SFTPWrapper, pattern: string, signal: AbortSignal): Promise<RemoteFile[]> {
  const readdir = promisify(sftp.readdir.bind(sftp)) as (path: string) => Promise<FileEntryWithStats[]>;
  const stat = promisify(sftp.stat.bind(sftp)) as (path: string) => Promise<Stats>;
  const matches = matcher(pattern);
  const now = Date.now();
  // A name with glob characters in it is found as itself first.
  const itself = await stat(pattern).catch((error: unknown) => {
    if (codeOfStatus(error) === NO_SUCH_FILE) return undefined;
    throw error;
  });
  if (itself?.isFile()) return [remoteFile(pattern, itself, now)];
  const files: RemoteFile[] = [];
  const walk = async (folder: string, depth: number): Promise<void> => {
    throwIfAborted(signal);
    for (const { filename, attrs } of await readdir(folder === '' ? '.' : folder)) {
      const path = `${folder}${filename}`;
      // Links could lead anywhere, and a file would come twice.
      if (
        attrs.isDirectory() &&
        depth < DEEPEST_FOLDER &&
        (pattern.includes('**') || pattern.includes('/', folder.length))
      )
        await walk(`${path}/`, depth + 1);
      else if (attrs.isFile() && matches(path)) files.push(remoteFile(path, attrs, now));
    }
  };
  await walk(fixedFolder(pattern), 0);
  return files;
}

function remoteFile(name: string, { size, mtime }: Pick<Stats, 'size' | 'mtime'>, now: number): RemoteFile {
  const racy = mtime * 1000 > now - RACY_MS;
  return {
    name,
    bytes: size,
    validator: racy ? undefined : `${size}.${mtime}`,
    modifiedAt: new Date(mtime * 1000).toISOString(),
  };
}

// Status codes of the SSH file transfer protocol (draft-ietf-secsh-filexfer-02, section 7).
const NO_SUCH_FILE = 2;
const PERMISSION_DENIED = 3;

const codeOfStatus = (error: unknown): unknown => (error as { code?: unknown }).code;

function sftpError(error: unknown, where: string): unknown {
  const status = codeOfStatus(error);
  if (/^(source|connector)\./.test(codeOf(error) ?? '')) return error;
  if (status === NO_SUCH_FILE)
    return sourceError('source.missing', `${where} is not there; put the file there or correct the connector's path`, {
      cause: error,
    });
  if (status === PERMISSION_DENIED)
    return sourceError('source.denied', `${where} may not be read by this login; grant it read access`, {
      cause: error,
    });
  if (status === 'ENOSPC') return error;
  return sourceError('source.failed', `${where} could not be read just now; it is tried again`, { cause: error });
}
