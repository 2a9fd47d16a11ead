import { request } from 'node:http';
import type { Harness } from './harness.js';

/** What JSON Schema says of a value, as far as tests need it. */
export interface Shape {
  type?: string;
  enum?: unknown[];
  properties?: Record<string, Shape>;
  items?: Shape;
  anyOf?: Shape[];
  required?: string[];
}

export interface Operation {
  method: string;
  path: string;
  queries: string[];
  /** Of the JSON that it takes. */
  body: Shape | undefined;
}

/** The status and code of the answer to a path that is sent as it is, without what clients correct. */
export function ask(
  { url, operator }: Harness,
  method: string,
  path: string,
  body?: string,
): Promise<{ status: number; code: string }> {
  return new Promise((resolve, reject) => {
    const headers = { ...operator, ...(body !== undefined && { 'content-type': 'application/json' }) };
    const { hostname, port } = new URL(url);
    const asked = request({ hostname, port, method, path, headers }, (response) => {
      let text = '';
      response.on('data', (chunk) => (text += chunk));
      response.on('end', () => {
        const isProblem = response.headers['content-type']?.startsWith('application/problem+json');
        const { code } = JSON.parse((isProblem && text) || '{}') as { code?: string };
        resolve({ status: response.statusCode ?? 0, code: code ?? '' });
      });
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

interface Described {
  parameters?: { in: string; name: string }[];
  requestBody?: { content: Record<string, { schema?: Shape }> };
}

/** Everything that the service says of itself. */
export async function operations({ url }: Harness): Promise<Operation[]> {
  const { paths } = (await (await fetch(new URL('/openapi.json', url))).json()) as {
    paths: Record<string, Record<string, Described>>;
  };
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, { parameters = [], requestBody }]) => ({
      method: method.toUpperCase(),
      path,
      queries: parameters.flatMap((one) => (one.in === 'query' ? [one.name] : [])),
      body: requestBody?.content['application/json']?.schema,
    })),
  );
}

/** Parameters in a path of `operations`. */
export const PARAMETER = /\{([^}]+)\}/g;
