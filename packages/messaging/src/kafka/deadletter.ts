import { codeOf, type Reason } from '@songhua/domain';
import type { IncomingMessage, Producer } from '../types.js';

// Messages of errors may quote paths and limits at length; a header is for a person who looks for the cause.
const MAX_REASON_CHARS = 1_000;

/** Sends a message to the dead-letter topic with the reason; without its value when only so it fits. */
export async function sendToDeadLetters(
  producer: Producer,
  topic: string,
  message: IncomingMessage,
  reason: Reason,
): Promise<void> {
  const headers = {
    ...message.headers,
    'error-code': reason.code,
    'error-message': reason.message.slice(0, MAX_REASON_CHARS),
    'source-topic': message.topic,
    'source-partition': String(message.partition),
    'source-offset': message.offset,
  };
  try {
    await producer.send(topic, [{ key: message.key, value: message.value, headers }]);
  } catch (error) {
    if (codeOf(error) !== 'messaging.too-large') throw error;
    const omitted = { ...headers, 'value-omitted-bytes': String(message.value.length) };
    await producer.send(topic, [{ key: message.key, value: Buffer.alloc(0), headers: omitted }]);
  }
}
