import type { SourceErrorCode } from '@songhua/connector-sdk';
import { KafkaJSNonRetriableError } from 'kafkajs';

/** A batch that is not read. kafkajs passes it on without another try; `kafkaSourceError` says of which topic it is. */
export class BatchError extends KafkaJSNonRetriableError {
  constructor(
    readonly batch: Extract<SourceErrorCode, 'source.too-large' | 'source.unreadable'>,
    message: string,
  ) {
    super(message);
  }
}

const MIB = 1024 * 1024;

export const tooManyBytes = (most: number): BatchError =>
  new BatchError(
    'source.too-large',
    `a batch of its messages has more than ${most / MIB} MiB unpacked; let its producers write smaller batches`,
  );

export const tooManyRecords = (found: number, most: number): BatchError =>
  new BatchError(
    'source.too-large',
    `a batch of it has ${found} messages, more than ${most}; let its producers write smaller batches`,
  );

export const broken = (codec: string, reason: unknown): BatchError =>
  new BatchError(
    'source.unreadable',
    `a batch of its messages is said to be ${codec} but cannot be unpacked (${reason instanceof Error ? reason.message : String(reason)}); find out what its producer writes`,
  );
