import type { IncomingMessage, ServerResponse } from 'node:http';
import { startServer, type TestServer } from './http-server.js';

export interface ApiRow {
  id: number;
  name: string;
  updated?: string;
}

export interface Asked {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingMessage['headers'];
  /** The body as sent. */
  text: string;
}

/** What an endpoint answers with: a status, headers, and a body that is sent as JSON unless it is text. */
export interface Answer {
  status?: number;
  headers?: Record<string, string>;
  body?: unknown;
}

export interface TestApi extends Pick<TestServer, 'url' | 'close'> {
  asked: Asked[];
  /** By path. */
  answer: (asked: Asked) => Answer;
}

/** An HTTP API on loopback whose answers a test computes. */
export async function startApi(answer: (asked: Asked) => Answer): Promise<TestApi> {
  const asked: Asked[] = [];
  const state = { asked, answer } as TestApi;
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    let text = '';
    for await (const chunk of request.setEncoding('utf8')) text += chunk;
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://x');
    const one = { method: request.method ?? '', path: pathname, query: searchParams, headers: request.headers, text };
    asked.push(one);
    const { status = 200, headers = {}, body = '' } = state.answer(one);
    const isText = typeof body === 'string';
    response.writeHead(status, { 'content-type': isText ? 'text/plain' : 'application/json', ...headers });
    response.end(isText ? body : JSON.stringify(body));
  };
  const server = await startServer((request, response) => void handle(request, response));
  return Object.assign(state, { url: server.url, close: server.close });
}

export const rowsFrom = (first: number, count: number): ApiRow[] =>
  Array.from({ length: count }, (_, index) => ({ id: first + index, name: `道里区 ${first + index}` }));
