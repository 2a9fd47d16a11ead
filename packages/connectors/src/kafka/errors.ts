import { type SourceErrorCode, sourceError } from '@songhua/connector-sdk';
import { codeOf, type SonghuaError } from '@songhua/domain';
import { isTlsError } from '../network/index.js';

/** What kafkajs puts on its errors. */
interface KafkaFailure {
  name?: string;
  type?: string;
  code?: string | number;
  cause?: KafkaFailure;
  originalError?: KafkaFailure;
  message?: string;
  /** Of a BatchError. */
  batch?: SourceErrorCode;
}

const MISSING = new Set(['UNKNOWN_TOPIC_OR_PARTITION', 'INVALID_TOPIC_EXCEPTION']);
// How deep kafkajs nests what happened.
const DEPTH = 10;

/** A failure of kafkajs as an error of the source; `where` names the topic, never a secret. */
export function kafkaSourceError(error: unknown, where: string): unknown {
  const own = codeOf(error) ?? '';
  if (/^(source|connector)\./.test(own) || own === 'ENOSPC') return error;
  const chain = causes(error);
  const types = chain.map(({ type, name }) => type ?? name ?? '');
  if (types.some((type) => MISSING.has(type))) return missingTopic(where, error);
  if (types.some((type) => /AUTHENTICATION|AUTHORIZATION|SASL/i.test(type)))
    return sourceError(
      'source.denied',
      `${where}: the brokers refuse access (${types.find((type) => /AUTH|SASL/i.test(type))}); check sasl, the connector's secrets and the rights of its user: Describe and Read on the topic, Read on groups songhua-*`,
      { cause: error },
    );
  const tls = chain.map(({ code }) => String(code ?? '')).find(isTlsError);
  if (tls !== undefined)
    return sourceError(
      'source.refused',
      `${where}: the brokers have no valid TLS certificate, or speak no TLS 1.2 (${tls}); put them right, or give their private CA`,
      { cause: error, details: { tls } },
    );
  const unread = chain.find(({ batch }) => batch !== undefined);
  if (unread?.batch !== undefined) return sourceError(unread.batch, `${where}: ${unread.message}`, { cause: error });
  if (types.some((type) => /Connection|Timeout|BrokerNotFound|NOT_AVAILABLE|NumberOfRetries/i.test(type)))
    return sourceError(
      'source.unreachable',
      `${where}: no broker answers (${types[0]}); check brokers, the addresses that they advertise, tls, and the network`,
      { cause: error },
    );
  return sourceError('source.failed', `${where} could not be read just now (${types[0] || own}); it is tried again`, {
    cause: error,
  });
}

export const missingTopic = (where: string, cause?: unknown): SonghuaError =>
  sourceError('source.missing', `${where} is not there, or the connector's user may not see it; correct the topic`, {
    cause,
  });

function causes(error: unknown): KafkaFailure[] {
  const chain: KafkaFailure[] = [];
  const add = (one: KafkaFailure | undefined): void => {
    if (one === undefined || one === null || chain.length >= DEPTH || chain.includes(one)) return;
    chain.push(one);
    add(one.cause);
    add(one.originalError);
  };
  add(error as KafkaFailure);
  return chain;
}
