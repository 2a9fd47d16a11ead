import {
  type Connector,
  type Network,
  type ReadContext,
  readingFor,
  type StreamInfo,
  sourceError,
  streamsOf,
  throwIfAborted,
  withDeletions,
} from '@songhua/connector-sdk';
import { codeOf } from '@songhua/domain';
import { type HttpConfig, httpConfigSchema } from './config.js';
import { readDocument } from './document.js';
import { createExchange, type Exchange } from './exchange.js';
import { assertReadable, sampleListings } from './listings.js';
import { fetchSample, hasPages, readPages } from './pages.js';
import { openSession, type Session } from './session.js';
import { createTokenCache } from './tokens.js';

export type HttpConnector = Connector<HttpConfig> & { close(): Promise<void> };

// The newest window of a source is often empty yet, and the one before it on holidays.
const SAMPLE_WINDOWS = 3;

/**
 * Downloads a document or all pages of an API by HTTP. Secrets: `token` (bearer), or `username` and `password` (basic), or what
 * `authentication` in the config names.
 */
export function createHttpConnector(): HttpConnector {
  // By network and private CA, so that connections are kept between reads.
  const exchanges = new Map<Network, Map<string, Exchange>>();
  const tokens = createTokenCache();
  const exchangeOf = ({ network, config }: ReadContext<HttpConfig>): Exchange => {
    const { ca = '' } = config.tls;
    const byCa = exchanges.get(network) ?? new Map<string, Exchange>();
    exchanges.set(network, byCa);
    const known = byCa.get(ca) ?? createExchange(network, config.tls.ca);
    byCa.set(ca, known);
    return known;
  };
  const sessionOf = (context: ReadContext<HttpConfig>): Session => {
    throwIfAborted(context.signal);
    return openSession(context, { exchange: exchangeOf(context), tokens });
  };
  const sample = (context: ReadContext<HttpConfig>) => sampleStreams(context, sessionOf(context));
  return {
    kind: 'http',
    title: { zh: 'HTTP 接口', en: 'HTTP' },
    configSchema: httpConfigSchema,
    ranges: true,
    async test(context) {
      const streams = await sample(context);
      return { message: `${streams[0]?.columns.length ?? 0} columns` };
    },
    discover: sample,
    async *read(context) {
      assertReadable(context);
      const session = sessionOf(context);
      const messages = hasPages(context.config) ? readPages(context, session) : readDocument(context, session);
      yield* withDeletions(context, messages);
    },
    close: async () => {
      const open = [...exchanges.values()].flatMap((byCa) => [...byCa.values()]);
      await Promise.all(open.map((exchange) => exchange.close()));
    },
  };
}

async function sampleStreams(context: ReadContext<HttpConfig>, session: Session): Promise<StreamInfo[]> {
  const listings = sampleListings(context, SAMPLE_WINDOWS);
  let empty: unknown = sourceError('source.missing', 'no window has begun yet; correct `window.from`');
  for (const listing of listings) {
    const { name, path } = await fetchSample(context, session, listing);
    try {
      const streams = await streamsOf([{ name, path }], readingFor(context));
      if (streams.some(({ columns }) => columns.length > 0)) return streams;
    } catch (error) {
      if (codeOf(error) !== 'source.empty') throw error;
      empty = error;
    }
  }
  throw empty;
}
