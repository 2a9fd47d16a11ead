import { softDeleteSchema } from '@songhua/connector-sdk';
import { holdsRecords } from '@songhua/contracts';
import { z } from 'zod';
import { tlsShape } from '../network/index.js';

const BROKER = /^(\[[0-9A-Fa-f:.]+\]|[^\s:/@,]+):\d{1,5}$/;

export const kafkaConfigSchema = z
  .strictObject({
    brokers: z
      .array(z.string().max(300).regex(BROKER, 'expected host:port'))
      .min(1)
      .max(50)
      .describe('Addresses to ask first, as host:port; the brokers tell the others'),
    topic: z
      .string()
      .regex(/^[A-Za-z0-9._-]{1,249}$/)
      // On the city's own brokers these hold what departments sent, before it was screened.
      .refine((topic) => !holdsRecords(topic), 'topics of Songhua itself are no source; read what it publishes')
      .describe('One topic'),
    format: z
      .enum(['json', 'debezium'])
      .default('json')
      .describe('json: every message is a row; debezium: every message is a change of a row'),
    tls: z.strictObject(tlsShape).default({ mode: 'verify' }),
    sasl: z
      .strictObject({ mechanism: z.enum(['plain', 'scram-sha-256', 'scram-sha-512']) })
      .optional()
      .describe('How to sign in with the secrets username and password'),
    softDelete: softDeleteSchema
      .optional()
      .describe('json, where rows are put by key: field that marks deleted rows, such as __deleted'),
    maxRecords: z
      .int()
      .min(1)
      .max(100_000_000)
      .default(1_000_000)
      .describe('About how many messages one sync reads after the first one; the rest is for the next'),
    snapshotQuietSeconds: z
      .int()
      .min(0)
      .max(86_400)
      .default(60)
      .describe('debezium: a snapshot whose end is not marked is complete when no message came for this long'),
  })
  .refine(({ format, softDelete }) => format === 'json' || softDelete === undefined, {
    path: ['softDelete'],
    message: 'format debezium says itself what was deleted; leave it out',
  });
export type KafkaConfig = z.infer<typeof kafkaConfigSchema>;
