import { type Envelope, envelopeSchema } from '@songhua/contracts';
import { messagingError } from './errors.js';
import type { IncomingMessage } from './types.js';

/** The envelope as headers of a message: every field as text. */
export function encodeEnvelope(envelope: Envelope): Record<string, string> {
  return Object.fromEntries(Object.entries(envelope).map(([name, value]) => [name, String(value)]));
}

/** The envelope in `headers`; headers of other purposes are ignored. Throws `envelope.invalid`, which is not retryable. */
export function decodeEnvelope(headers: Record<string, string>, where = 'message'): Envelope {
  const parsed = envelopeSchema.safeParse(headers);
  if (parsed.success) return parsed.data;
  // Names of headers and rules only: a value could be anything that a foreign producer sent.
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.code}`).join(', ');
  throw messagingError(
    'envelope.invalid',
    `${where}: its headers are not an envelope (${problems}); find what produced it`,
  );
}

/** The envelope of a message as received; the error names topic, partition and offset. */
export function parseEnvelope(message: IncomingMessage): Envelope {
  return decodeEnvelope(message.headers, `message ${message.topic}/${message.partition}/${message.offset}`);
}
