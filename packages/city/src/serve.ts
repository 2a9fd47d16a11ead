import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type Fault, faulty, parseFault } from './faults.js';
import { mediaTypes } from './formats/all.js';
import { DRIPPING_PATH } from './shapes.js';

const MEDIA_TYPES = mediaTypes();
const FAULTS_PATH = '/.faults';
/** Where a supervisor asks whether this program answers. */
const READY_PATH = '/readyz';
const LARGEST_COMMAND = 64 * 1024;

export interface ServeOptions {
  /** The folder that the city was written to; its `http` folder is served. */
  dir: string;
  /** 0 or absent: any free port. */
  port?: number;
  /** The city's dripping source takes so long, in seconds, to answer whole; absent: it answers at once, as the others do. */
  dripSeconds?: number | undefined;
}

/** The departments' web servers, as one. */
export interface CityServer {
  /** `http://127.0.0.1:port` */
  url: string;
  port: number;
  /** Makes a path (as in a connector's URL, with leading `/`) fail, or with undefined work again. Also by `PUT /.faults`. */
  setFault(path: string, fault: Fault | undefined): void;
  close(): Promise<void>;
}

/** Serves the city's HTTP sources on loopback: whole files with ETag and Last-Modified, conditional GET, no ranges. */
export async function serve(options: ServeOptions): Promise<CityServer> {
  const root = join(options.dir, 'http');
  const faults = new Map<string, Fault>();
  if (options.dripSeconds !== undefined) faults.set(DRIPPING_PATH, { kind: 'drip', seconds: options.dripSeconds });
  const setFault = (path: string, fault: Fault | undefined): void => {
    if (fault === undefined) faults.delete(path);
    else faults.set(path, fault);
  };
  const server = createServer((request, response) => {
    answer(request, response, { root, faults, setFault }).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    setFault,
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error ? reject(error) : resolve()));
        server.closeAllConnections();
      }),
  };
}

interface Site {
  root: string;
  faults: Map<string, Fault>;
  setFault: CityServer['setFault'];
}

async function answer(request: IncomingMessage, response: ServerResponse, site: Site): Promise<void> {
  const path = pathOf(request.url ?? '/');
  if (path === undefined) return plain(response, 400, 'bad path');
  if (path === FAULTS_PATH && request.method === 'PUT') return command(request, response, site);
  if (request.method !== 'GET' && request.method !== 'HEAD') return plain(response, 405, 'GET or HEAD only');
  if (path === READY_PATH) return plain(response, 200, 'ready');
  const fault = site.faults.get(path);
  const file = join(site.root, path);
  const found = await stat(file).catch(() => undefined);
  if (fault?.kind === 'status') return plain(response, fault.status, 'fault');
  if (!found?.isFile()) return plain(response, 404, 'no such file');
  if (fault?.kind === 'login-page') return faulty.loginPage(response);

  const etag = `"${found.size.toString(16)}-${Math.round(found.mtimeMs * 1000).toString(16)}"`;
  response.setHeader('etag', etag);
  response.setHeader('last-modified', found.mtime.toUTCString());
  response.setHeader('cache-control', 'no-cache');
  if (unmodified(request, etag, found.mtime)) {
    response.writeHead(304).end();
    return;
  }
  response.setHeader('content-type', await mediaTypeOf(file));
  response.setHeader('content-length', found.size);
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  if (fault?.kind === 'truncated') return faulty.truncated(response, file, found.size);
  if (fault?.kind === 'drip') return faulty.drip(response, file, fault.seconds);
  if (fault?.kind === 'slow') return faulty.slow(response, file, fault.bytesPerSecond);
  await pipeline(createReadStream(file), response);
}

/** The decoded path, or undefined when it leads out of the folder. */
function pathOf(url: string): string | undefined {
  try {
    const path = decodeURIComponent(new URL(url, 'http://city').pathname);
    if (path.includes('\0') || path.includes('\\') || path.split('/').includes('..')) return undefined;
    return normalize(path).split(sep).join('/');
  } catch {
    return undefined;
  }
}

function unmodified(request: IncomingMessage, etag: string, modified: Date): boolean {
  const tags = request.headers['if-none-match'];
  // RFC 9110: with If-None-Match, the date does not count.
  if (tags !== undefined) return tags === '*' || tags.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag);
  const since = Date.parse(request.headers['if-modified-since'] ?? '');
  return Math.floor(modified.getTime() / 1000) * 1000 <= since;
}

/** By content where a page has taken the file's place, else by name. */
async function mediaTypeOf(file: string): Promise<string> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(16), 0, 16, 0);
    if (buffer.toString('latin1', 0, bytesRead).startsWith('<!DOCTYPE html')) return 'text/html; charset=utf-8';
  } finally {
    await handle.close();
  }
  return MEDIA_TYPES[extname(file)] ?? 'application/octet-stream';
}

function plain(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${text}\n`);
}

/** `PUT /.faults` with `{path, fault}`; a null fault mends the path. */
async function command(request: IncomingMessage, response: ServerResponse, site: Site): Promise<void> {
  let body = '';
  for await (const chunk of request.setEncoding('utf8')) {
    body += chunk;
    if (body.length > LARGEST_COMMAND) return plain(response, 413, 'too long');
  }
  const parsed = parseFault(body);
  if (parsed === undefined) return plain(response, 400, 'expected {"path": "/…", "fault": {"kind": …} or null}');
  site.setFault(parsed.path, parsed.fault ?? undefined);
  response.writeHead(204).end();
}
