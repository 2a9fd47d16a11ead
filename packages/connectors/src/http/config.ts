import { readingOptionsSchema, softDeleteShape } from '@songhua/connector-sdk';
import { DateTime, Duration } from 'luxon';
import { z } from 'zod';
import { caSchema } from '../network/index.js';

const url = z
  .url({ protocol: /^https?$/, error: 'expected an address such as https://api.example.gov.cn/data' })
  .max(8000);
const parameter = z.string().min(1).max(200);
const secretName = z.string().min(1).max(100);
const headerName = z.string().regex(/^[A-Za-z0-9-]+$/);
const place = z.string().regex(/^(\/[^/]+)+$/, 'expected a place in the answer such as /meta/next');
const duration = z
  .string()
  .refine((text) => Duration.fromISO(text).isValid, 'expected a duration such as P1D, P1M or PT6H')
  .refine((text) => Duration.fromISO(text).toMillis() > 0, 'expected a duration longer than nothing');
const timezone = z
  .string()
  .refine((name) => DateTime.local({ zone: name }).isValid, 'expected a timezone such as Asia/Shanghai');
const value = z.union([z.string(), z.number(), z.boolean()], 'expected text, a number, true or false');

// Whoever may read a connector may read its headers; and these say how the message itself is sent.
const NOT_IN_CONFIG = /^(authorization|proxy-authorization|cookie|host|content-length|transfer-encoding|connection)$/i;

const authenticationSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('none') }),
  z.strictObject({ type: z.literal('basic').describe('Secrets: username, password') }),
  z.strictObject({ type: z.literal('bearer').describe('Secret: token') }),
  z
    .strictObject({
      type: z.literal('apiKey').describe('Keys in headers, query or body: name there → name of the secret'),
      header: z.record(headerName, secretName).default({}),
      query: z.record(parameter, secretName).default({}),
      body: z.record(parameter, secretName).default({}),
    })
    .refine(
      ({ header, query, body }) => [header, query, body].some((keys) => Object.keys(keys).length > 0),
      'sends no key; say where it goes and which secret it is, as in header: { X-Api-Key: key }',
    ),
  z.strictObject({
    type: z.literal('oauth2').describe('Client credentials; secrets: clientId, clientSecret'),
    tokenUrl: url,
    scope: z.string().max(2000).optional(),
    audience: z.string().max(2000).optional(),
    clientIn: z.enum(['header', 'body']).default('header').describe('Where the token endpoint wants id and secret'),
  }),
]);

const pages = {
  maxPages: z.int().min(1).max(20_000).default(1000).describe('More pages than this are taken for an endless source'),
  alsoEnds: z
    .array(z.enum(['short-page', 'no-records', 'not-found']))
    .default([])
    .describe('What is the end, besides a page without rows: fewer rows than on the first page; no list; status 404'),
};
const total = place.optional().describe('Where the answer says how many rows there are in all');

const paginationSchema = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('page').describe('Pages have numbers'),
    parameter: parameter.default('page'),
    first: z.int().min(0).default(1),
    total,
    ...pages,
  }),
  z.strictObject({
    type: z.literal('offset').describe('Pages begin after so many rows'),
    parameter: parameter.default('offset'),
    first: z.int().min(0).default(0),
    total,
    ...pages,
  }),
  z.strictObject({
    type: z.literal('cursor').describe('Each page holds a token for the next one'),
    parameter: parameter.default('cursor'),
    token: place.describe('Where the answer holds the token'),
    more: place.optional().describe('Where the answer says whether there is more'),
    ...pages,
  }),
  z.strictObject({
    type: z.literal('link').describe('Each page names the address of the next one'),
    next: place.optional().describe('Where the answer holds it; in the header Link, rel=next, when absent'),
    origins: z.array(url).max(10).default([]).describe('Other servers that it may lead to; they get the secrets too'),
    ...pages,
  }),
]);

const windowSchema = z.strictObject({
  from: z
    .string()
    .refine((text) => DateTime.fromISO(text).isValid, 'expected a date such as 2024-01-01')
    .describe('Where the first window begins'),
  step: duration.describe('How long a window is, e.g. P1M'),
  parameterStart: parameter,
  parameterEnd: parameter.optional(),
  format: z.string().max(100).default('yyyy-MM-dd').describe('iso, epochSeconds, epochMilliseconds or a Luxon pattern'),
  includesEnd: z.boolean().default(false).describe('The source also answers with rows of parameterEnd itself'),
  overlap: duration.optional().describe('How far back windows are read again'),
  timezone: timezone.default('Asia/Shanghai'),
});

const sinceSchema = z.strictObject({
  parameter,
  column: z.string().min(1).describe('Its greatest value, as last published, is sent'),
  parameterEnd: parameter.optional().describe('For reading a range again'),
  initial: z.string().max(200).optional().describe('Sent on the first read'),
  overlap: z
    .int()
    .min(0)
    .optional()
    .describe('Sends a value so much smaller: seconds for times (300 when absent), else a number (1)'),
  format: z
    .string()
    .max(100)
    .optional()
    .describe('epochSeconds, epochMilliseconds or a Luxon pattern; found when absent'),
  timezone: timezone.default('Asia/Shanghai'),
});

const bodySchema = z.union(
  [
    z.strictObject({ json: z.record(z.string(), z.json()) }),
    z.strictObject({ form: z.record(parameter, value) }),
    z.strictObject({ text: z.string().max(1_000_000), contentType: z.string().max(200) }),
  ],
  'expected { json: { … } }, { form: { … } } or { text: …, contentType: … }',
);

export const httpConfigSchema = z
  .strictObject({
    url,
    method: z.enum(['GET', 'POST']).default('GET'),
    headers: z
      .record(
        headerName.refine((name) => !NOT_IN_CONFIG.test(name), 'say it in `secrets` and `authentication` instead'),
        z.string().max(8000),
      )
      .default({})
      .describe('Sent with every request; secrets do not belong here'),
    query: z
      .record(parameter, z.union([value, z.array(value)], 'expected text, a number, true, false, or a list of them'))
      .default({})
      .describe('Parameters added to the address'),
    body: bodySchema.optional().describe('Of a POST'),
    parametersIn: z
      .enum(['query', 'body'])
      .optional()
      .describe(
        'Where pages, windows and since are asked for; in the body of a POST that is JSON or a form when absent',
      ),
    authentication: authenticationSchema.optional().describe('Found from the names of the secrets when absent'),
    pagination: paginationSchema.optional(),
    requestsPerSecond: z.number().min(0.01).max(1000).optional(),
    window: windowSchema
      .optional()
      .describe('Reads by dates; modes append and merge go on after the last whole window'),
    since: sinceSchema.optional().describe('Modes append and merge ask for what is new'),
    fullEvery: duration
      .optional()
      .describe('With window or since: how often everything is read, e.g. P7D, which finds rows that were deleted'),
    ...softDeleteShape,
    tls: z.strictObject({ ca: caSchema.optional() }).default({}),
    ...readingOptionsSchema.shape,
  })
  .refine(({ method, body }) => body === undefined || method === 'POST', {
    path: ['body'],
    message: 'only a POST has a body; set method: POST',
  })
  .refine(({ window, since }) => window === undefined || since === undefined, {
    path: ['since'],
    message: 'expected either window or since, not both',
  })
  .refine(({ fullEvery, window, since }) => fullEvery === undefined || window !== undefined || since !== undefined, {
    path: ['fullEvery'],
    message: 'without window or since everything is read each time; leave it out, or add one',
  })
  .refine(({ parametersIn, body }) => parametersIn !== 'body' || (body !== undefined && !('text' in body)), {
    path: ['parametersIn'],
    message: 'parameters go into a body that is json or form; give one',
  });

export type HttpConfig = z.infer<typeof httpConfigSchema>;
export type Authentication = z.infer<typeof authenticationSchema>;
export type Pagination = z.infer<typeof paginationSchema>;
export type WindowConfig = z.infer<typeof windowSchema>;
export type SinceConfig = z.infer<typeof sinceSchema>;
export type BodyConfig = z.infer<typeof bodySchema>;
