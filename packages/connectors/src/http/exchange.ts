import { type Network, sourceError, throwIfAborted } from '@songhua/connector-sdk';
import { Agent, type buildConnector, type Dispatcher, request } from 'undici';
import { exchangeError, shown, type Waiting } from './errors.js';
import { encodeBody, type Plan, withParameters } from './plan.js';

/** What proves who asks. It is sent to the trusted origins only. */
export interface Credentials {
  headers: Record<string, string>;
  query: Record<string, string>;
  body: Record<string, string>;
}

export const NO_CREDENTIALS: Credentials = { headers: {}, query: {}, body: {} };

export interface ExchangeOptions {
  credentials: Credentials;
  /** Origins that get credentials and the config's headers: a redirect elsewhere does not carry them. */
  origins: string[];
  /** Headers of this request alone, e.g. conditions. */
  headers?: Record<string, string>;
  timeoutMs: number;
  signal: AbortSignal;
  /** 5 when absent. */
  maxRedirects?: number;
}

export type Response = Dispatcher.ResponseData;

export interface Exchange {
  /**
   * Sends `plan`, follows redirects (each hop is checked again), and hands the answer to `receive`, which must take or drop its body.
   * Errors are `source.…` and `connector.address-refused`.
   */
  send<T>(
    plan: Plan,
    options: ExchangeOptions,
    receive: (response: Response, url: URL, signal: AbortSignal) => Promise<T>,
  ): Promise<T>;
  close(): Promise<void>;
}

// As many as browsers' libraries commonly allow is 20; an export that needs more than 5 is misconfigured.
const MAX_REDIRECTS = 5;
// A peer that sends nothing for this long is hanging; the whole read has its own, longer limit.
const IDLE_MS = 30_000;

/** HTTP over `network`; `ca` is the PEM of a private authority. Connections are kept between requests. */
export function createExchange(network: Network, ca: string | undefined): Exchange {
  const agent = new Agent({
    connect: connector(network, ca),
    headersTimeout: IDLE_MS,
    bodyTimeout: IDLE_MS,
    connections: 8,
    pipelining: 1,
  });
  return {
    async send(start, options, receive) {
      const limit = AbortSignal.timeout(options.timeoutMs);
      const signal = AbortSignal.any([options.signal, limit]);
      const { maxRedirects = MAX_REDIRECTS } = options;
      let plan = start;
      try {
        for (let hop = 0; hop <= maxRedirects; hop++) {
          checkHop(plan.url, network);
          const response = await dispatch(plan, options, { agent, signal });
          const next = redirectOf(response, plan);
          if (next === undefined) return await receive(response, plan.url, signal);
          await response.body.dump();
          plan = next;
        }
      } catch (error) {
        throwIfAborted(options.signal);
        throw exchangeError(error, plan.url, limit.aborted);
      }
      throw sourceError(
        'source.refused',
        `${shown(plan.url)} redirects more than ${maxRedirects} times; set the connector's url to the final address`,
      );
    },
    close: () => agent.close(),
  };
}

function connector(network: Network, ca: string | undefined): buildConnector.connector {
  return (wanted, opened) => {
    const secure = wanted.protocol === 'https:';
    const target = { host: wanted.hostname, port: Number(wanted.port || (secure ? 443 : 80)) };
    const socket = secure
      ? network.connectTls({ ...target, ...(ca === undefined ? {} : { ca }) })
      : network.connect(target);
    socket.then(
      (connected) => opened(null, connected.setNoDelay(true)),
      (error: Error) => opened(error, null),
    );
  };
}

function dispatch(
  plan: Plan,
  { credentials, origins, headers = {} }: ExchangeOptions,
  { agent, signal }: { agent: Agent; signal: AbortSignal },
): Promise<Response> {
  const trusted = origins.includes(plan.url.origin);
  const { url, method, body } = trusted ? authorized(plan, credentials) : plan;
  const encoded = encodeBody(body);
  return request(url.href, {
    dispatcher: agent,
    signal,
    method,
    headers: {
      'accept-encoding': 'gzip',
      ...(encoded ? { 'content-type': encoded.contentType } : {}),
      ...lowerCased(trusted ? plan.headers : onlyHarmless(plan.headers)),
      ...headers,
      ...(trusted ? lowerCased(credentials.headers) : {}),
    },
    ...(encoded ? { body: encoded.text } : {}),
  });
}

function authorized(plan: Plan, { query, body }: Credentials): Plan {
  const parameters = (values: Record<string, string>) =>
    Object.entries(values).map(([name, value]) => ({ name, value }));
  const asked = withParameters(plan, parameters(query), 'query');
  // A redirect may have turned the request into one without a body.
  return asked.body === undefined ? asked : withParameters(asked, parameters(body), 'body');
}

// Names in one case, so that a later one replaces an earlier one instead of being sent besides it.
const lowerCased = (headers: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));

const onlyHarmless = (headers: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => /^(accept|accept-language|user-agent)$/i.test(name)));

function checkHop(url: URL, network: Network): void {
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw sourceError('connector.address-refused', `${url.protocol} addresses are not read; use http or https`);
  network.check(url.hostname);
}

export function headerOf(response: Response, name: string): string | undefined {
  const value = response.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

/** What an answer says about being asked again. */
export const waitingOf = (response: Response): Waiting => ({
  retryAfter: headerOf(response, 'retry-after'),
  date: headerOf(response, 'date'),
});

function redirectOf(response: Response, plan: Plan): Plan | undefined {
  const { url } = plan;
  const location = headerOf(response, 'location');
  const status = response.statusCode;
  if (![301, 302, 303, 307, 308].includes(status) || location === undefined) return undefined;
  const next = nextAddress(location, url, 'redirects');
  // As browsers do: only 307 and 308 repeat the request as it was.
  const keeps = status >= 307 || plan.method === 'GET';
  return keeps ? { ...plan, url: next } : { ...plan, url: next, method: 'GET', body: undefined };
}

/** The address that a server leads to; `how` it does is for the message. */
export function nextAddress(location: string, url: URL, how: string): URL {
  if (!URL.canParse(location, url.href))
    throw sourceError(
      'source.failed',
      `${shown(url)} ${how} to an invalid address; the source's server must correct it`,
    );
  const next = new URL(location, url);
  if (url.protocol === 'https:' && next.protocol === 'http:')
    throw sourceError(
      'connector.address-refused',
      `${shown(url)} ${how} from https to http; use a source that stays on https`,
    );
  return next;
}
