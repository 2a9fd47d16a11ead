import { SonghuaError, type SonghuaErrorOptions } from '@songhua/domain';

/** Every code this package throws, with whether a retry may help and who can act. */
export const MESSAGING_ERRORS = {
  'messaging.unavailable': { retryable: true, actor: 'operator' },
  'messaging.topic-missing': { retryable: false, actor: 'operator' },
  'messaging.too-large': { retryable: false, actor: 'platform' },
  'messaging.denied': { retryable: false, actor: 'operator' },
  'messaging.rejected': { retryable: false, actor: 'platform' },
  'messaging.closed': { retryable: false, actor: 'platform' },
  'messaging.retries-exhausted': { retryable: true, actor: 'operator' },
  'envelope.invalid': { retryable: false, actor: 'platform' },
} as const satisfies Record<string, Pick<SonghuaErrorOptions, 'retryable' | 'actor'>>;

export type MessagingErrorCode = keyof typeof MESSAGING_ERRORS;

export function messagingError(code: MessagingErrorCode, message: string, cause?: unknown): SonghuaError {
  return new SonghuaError(code, message, { ...MESSAGING_ERRORS[code], ...(cause === undefined ? {} : { cause }) });
}

/** What kafkajs puts on its errors. */
interface KafkaFailure {
  name?: string;
  type?: string;
  message?: string;
  retriable?: boolean;
  cause?: KafkaFailure;
}

const DENIED = /AUTHORIZATION_FAILED|SASL|AUTHENTICATION/;
const TOO_LARGE = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE']);

/** `error` of kafkajs during `where` as an error of this package; the innermost protocol error decides. */
export function kafkaError(error: unknown, where: string): SonghuaError {
  const chain = causes(error);
  if (chain.some((e) => e.name === 'SonghuaError')) return chain.find((e) => e.name === 'SonghuaError') as SonghuaError;
  const types = chain.map((e) => `${e.type ?? ''} ${e.name ?? ''}`);
  const found = `${chain[0]?.message ?? String(error)}`;
  if (chain.some((e) => e.type === 'UNKNOWN_TOPIC_OR_PARTITION'))
    return messagingError(
      'messaging.topic-missing',
      `${where}: the topic does not exist on the broker; create it (ensureTopics) or correct its name`,
      error,
    );
  if (chain.some((e) => TOO_LARGE.has(e.type ?? '')))
    return messagingError('messaging.too-large', `${where}: the broker refuses a batch of this size (${found})`, error);
  if (types.some((text) => DENIED.test(text.toUpperCase())))
    return messagingError('messaging.denied', `${where}: the broker refuses access (${found})`, error);
  if (chain[0]?.name !== 'KafkaJSNumberOfRetriesExceeded' && chain.every((e) => e.retriable === false))
    return messagingError('messaging.rejected', `${where}: the broker refused (${found})`, error);
  return messagingError(
    'messaging.unavailable',
    `${where}: the broker did not answer as it should (${found}); see that it runs`,
    error,
  );
}

function causes(error: unknown): KafkaFailure[] {
  const chain: KafkaFailure[] = [];
  for (let e = error as KafkaFailure | undefined; e && chain.length < 10; e = e.cause) chain.push(e);
  return chain;
}
