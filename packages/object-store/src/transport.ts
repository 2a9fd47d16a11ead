import * as http from 'node:http';
import * as https from 'node:https';

type Transport = Pick<typeof http, 'request'>;

// Longest silence of a socket, either way: a stopped store must fail a call, not hang it.
const SILENCE_MS = 30_000;
// S3 error documents are a few hundred bytes; a proxy's page need not be read whole.
const MAX_ERROR_BYTES = 16 * 1024;

const isOutage = (status: number): boolean => status >= 500 || status === 408 || status === 429;

/**
 * What the minio client sends requests with. It adds what the client lacks: a limit on silence, and answers 5xx, 408 and 429 as errors
 * that carry `statusCode` and S3's `code` (the client's own retry drops both, leaks the socket and re-sends consumed streams).
 */
export function createTransport(secure: boolean, silenceMs = SILENCE_MS): { transport: Transport; agent: http.Agent } {
  const options = { keepAlive: true, maxSockets: 64, timeout: silenceMs };
  const agent = secure ? new https.Agent(options) : new http.Agent(options);
  const send = secure ? https.request : http.request;

  const request = (
    options: https.RequestOptions,
    answered: (response: http.IncomingMessage) => void,
  ): http.ClientRequest => {
    const call = send({ ...options, timeout: silenceMs }, (response) => {
      call.on('timeout', () => response.destroy(silence(silenceMs)));
      if (isOutage(response.statusCode ?? 0)) void outage(response).then((error) => call.emit('error', error));
      else answered(response);
    });
    call.on('timeout', () => call.destroy(silence(silenceMs)));
    return call;
  };
  return { transport: { request: request as typeof http.request }, agent };
}

const silence = (ms: number): Error => Object.assign(new Error(`no byte for ${ms / 1000} s`), { code: 'ETIMEDOUT' });

async function outage(response: http.IncomingMessage): Promise<Error> {
  let text = '';
  try {
    for await (const chunk of response) if (text.length < MAX_ERROR_BYTES) text += String(chunk);
  } catch {
    // The status alone classifies the answer.
  }
  const code = /<Code>([A-Za-z0-9]+)<\/Code>/.exec(text)?.[1];
  return Object.assign(new Error(`HTTP ${response.statusCode}`), { statusCode: response.statusCode, code });
}
