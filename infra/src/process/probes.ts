import { get } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';

/*
 * Probes speak just enough of each protocol to know that the engine itself answers. They are bytes rather than clients because the
 * supervisor asks them for as long as it lives and must stay small.
 */

const HOST = '127.0.0.1';
const TIMEOUT_MS = 2_000;
const BODY_KEPT = 300;

function exchange(port: number, request: Buffer, enough: (answer: Buffer) => boolean): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: HOST, port });
    let answer = Buffer.alloc(0);
    const fail = (why: string): void => {
      socket.destroy();
      reject(new Error(why));
    };
    socket.setTimeout(TIMEOUT_MS, () => fail(`no answer from port ${port} within ${TIMEOUT_MS} ms`));
    socket.once('error', (error) => fail(error.message));
    socket.once('close', () => fail(`port ${port} closed the connection`));
    socket.once('connect', () => socket.write(request));
    socket.on('data', (chunk) => {
      answer = Buffer.concat([answer, chunk]);
      if (!enough(answer)) return;
      socket.removeAllListeners('close');
      socket.destroy();
      resolve(answer);
    });
  });
}

/** Kafka: ApiVersions v0, correlation 1, client `probe`; ready when the error code is 0. */
export async function probeKafka(port: number): Promise<void> {
  const client = Buffer.from('probe');
  const request = Buffer.alloc(14 + client.length);
  request.writeInt32BE(10 + client.length, 0);
  request.writeInt16BE(18, 4);
  request.writeInt16BE(0, 6);
  request.writeInt32BE(1, 8);
  request.writeInt16BE(client.length, 12);
  client.copy(request, 14);
  const answer = await exchange(port, request, (bytes) => bytes.length >= 10);
  const code = answer.readInt16BE(8);
  if (answer.readInt32BE(4) !== 1 || code !== 0) throw new Error(`Kafka answers ApiVersions with error ${code}`);
}

/** PostgreSQL: a start-up message; ready when it asks for authentication, not when it says it is starting up. */
export async function probePostgres(port: number, user: string): Promise<void> {
  const body = Buffer.from(`user\0${user}\0database\0postgres\0\0`);
  const request = Buffer.alloc(8 + body.length);
  request.writeInt32BE(request.length, 0);
  request.writeInt32BE(196_608, 4); // protocol 3.0
  body.copy(request, 8);
  const answer = await exchange(port, request, (bytes) => bytes.length >= 9);
  if (answer.toString('latin1', 0, 1) !== 'R') {
    throw new Error(`PostgreSQL answers ${answer.toString('utf8', 5).replaceAll('\0', ' ').trim()}`);
  }
}

/** HTTP GET; ready when it answers 200. Not `fetch`, whose machinery would double the supervisor's memory. */
export function probeHttp(url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent: false, timeout: TIMEOUT_MS }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        if (body.length < BODY_KEPT) body += text;
      });
      // Which engine a service waits for is in what it says.
      response.once('close', () => {
        if (response.statusCode === 200) resolve();
        else reject(new Error(`${url} answers ${response.statusCode} ${body.slice(0, BODY_KEPT)}`.trimEnd()));
      });
    });
    request.on('timeout', () => request.destroy(new Error(`no answer from ${url} within ${TIMEOUT_MS} ms`)));
    request.on('error', reject);
  });
}

/** gRPC health check of Temporal's front end; ready when it says SERVING. */
export function probeTemporal(port: number): Promise<void> {
  const service = Buffer.from('temporal.api.workflowservice.v1.WorkflowService');
  // A gRPC frame (flag, length) around HealthCheckRequest{service = 1}.
  const frame = Buffer.concat([Buffer.from([0, 0, 0, 0, service.length + 2, 0x0a, service.length]), service]);
  return new Promise((resolve, reject) => {
    const session = connectHttp2(`http://${HOST}:${port}`);
    const timer = setTimeout(() => finish(new Error(`no answer within ${TIMEOUT_MS} ms`)), TIMEOUT_MS);
    const finish = (error?: Error): void => {
      clearTimeout(timer);
      session.destroy();
      if (error) reject(error);
      else resolve();
    };
    session.on('error', finish);
    const stream = session.request({
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Check',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    let answer = Buffer.alloc(0);
    stream.on('error', finish);
    stream.on('data', (chunk: Buffer) => {
      answer = Buffer.concat([answer, chunk]);
    });
    stream.on('end', () => {
      // HealthCheckResponse{status = 1: SERVING}.
      const serving = answer.length >= 7 && answer[5] === 0x08 && answer[6] === 1;
      finish(serving ? undefined : new Error('Temporal is not serving yet'));
    });
    stream.end(frame);
  });
}
