import type { BodyConfig, HttpConfig } from './config.js';

/** One request as it is to be made, without credentials. */
export interface Plan {
  method: 'GET' | 'POST';
  url: URL;
  headers: Record<string, string>;
  body: BodyConfig | undefined;
}

export interface Parameter {
  name: string;
  value: string | number;
}

/** The request that the config describes, before pages and windows. */
export function planOf({ url, method, headers, query, body }: HttpConfig): Plan {
  const address = new URL(url);
  for (const [name, value] of Object.entries(query)) {
    address.searchParams.delete(name);
    for (const one of Array.isArray(value) ? value : [value]) address.searchParams.append(name, String(one));
  }
  return { method, url: address, headers, body };
}

/** Whether parameters go into the body, as the config says or the request suggests. */
export const inBody = ({ parametersIn, body }: HttpConfig): boolean =>
  parametersIn === undefined ? body !== undefined && !('text' in body) : parametersIn === 'body';

/** `plan` with parameters in its query or its body; those of the same name are replaced. */
export function withParameters(plan: Plan, parameters: Parameter[], where: 'query' | 'body'): Plan {
  if (parameters.length === 0) return plan;
  if (where === 'query') {
    const url = new URL(plan.url);
    for (const { name, value } of parameters) url.searchParams.set(name, String(value));
    return { ...plan, url };
  }
  const { body = { json: {} } } = plan;
  if ('text' in body) return plan;
  if ('form' in body) {
    const own = Object.fromEntries(parameters.map(({ name, value }) => [name, value]));
    return { ...plan, body: { form: { ...body.form, ...own } } };
  }
  const json = structuredClone(body.json);
  for (const { name, value } of parameters)
    setAt(json, name.startsWith('/') ? name.slice(1).split('/') : [name], value);
  return { ...plan, body: { json } };
}

type Json = Record<string, unknown>;

/** Sets a value at a path, making the objects on the way; own keys only, so `__proto__` is a name like others. */
function setAt(root: Json, path: string[], value: string | number): void {
  const [key = '', ...rest] = path;
  const own = Object.hasOwn(root, key) ? root[key] : undefined;
  const inner = typeof own === 'object' && own !== null ? (own as Json) : {};
  if (rest.length > 0) setAt(inner, rest, value);
  Object.defineProperty(root, key, {
    value: rest.length > 0 ? inner : value,
    enumerable: true,
    configurable: true,
    writable: true,
  });
}

/** The body as it is sent. */
export function encodeBody(body: BodyConfig | undefined): { contentType: string; text: string } | undefined {
  if (body === undefined) return undefined;
  if ('text' in body) return { contentType: body.contentType, text: body.text };
  if ('json' in body) return { contentType: 'application/json', text: JSON.stringify(body.json) };
  const form = new URLSearchParams(
    Object.entries(body.form).map(([name, value]): [string, string] => [name, String(value)]),
  );
  return { contentType: 'application/x-www-form-urlencoded', text: form.toString() };
}
