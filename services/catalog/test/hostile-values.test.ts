import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ask, type Operation, operations, PARAMETER, type Shape } from './asking.js';
import { type Harness, startHarness } from './harness.js';
import { publishRows, register } from './publish.js';

let harness: Harness;
let all: Operation[];
beforeAll(async () => {
  harness = await startHarness();
  await register(harness, 'alpha');
  await publishRows(harness, 'alpha', [[1, 'a']]);
  all = await operations(harness);
}, 60_000);
afterAll(() => harness.stop());

// At and beyond the ends of what one side or the other can hold: numbers, instants, texts.
const VALUES = [
  ...['', ' ', '0', '-1', '-0', '1.5', '1e9', '1e400', 'NaN', 'Infinity', '-Infinity', '0x10', 'null', 'true'],
  ...['2147483647', '2147483648', '9007199254740991', '9007199254740993'],
  ...['999999999999999999', '9223372036854775807', '9223372036854775808', '99999999999999999999'],
  ...['0000-01-01T00:00:00Z', '0001-01-01T00:00:00+14:00', '0001-01-01T00:00:00+23:59', '9999-12-31T23:59:59-23:59'],
  ...[
    '2024-02-30T00:00:00Z',
    '2024-06-30T23:59:60Z',
    '2024-01-01T24:00:00Z',
    `2024-01-01T00:00:00.${'1'.repeat(200)}Z`,
  ],
  ...[
    '10000-01-01T00:00:00Z',
    '+275760-09-13T00:00:00.000Z',
    '-000001-01-01T00:00:00Z',
    'infinity',
    '-infinity',
    'now',
  ],
  ...["'", '"', '\\', '%', '_', '{}', '[]', '--', '\u{10ffff}', '\u202e', 'x'.repeat(4000)],
];

/** Names of what there is, so that a request comes as far as it can. */
function existing(path: string): string {
  const connector = /^\/api\/v1\/(connectors|ingest|resources)/.test(path);
  const values: Record<string, string> = {
    kind: 'Connector',
    name: connector ? 'alpha-files' : 'alpha',
    connector: 'alpha-files',
    version: path.startsWith('/data') ? 'v1' : '1',
    other: '1',
    file: 'data.csv',
    id: path.startsWith('/api/v1/keys') ? 'abcdef012345' : 'sy_1',
  };
  return path.replace(PARAMETER, (_, name: string) => values[name] ?? '1');
}

/** The smallest value that a schema lets pass, as far as it says. */
function least(shape: Shape = {}): unknown {
  const { type, enum: one, anyOf, properties = {}, required = [] } = shape;
  if (one) return one[0];
  if (anyOf) return least(anyOf[0]);
  if (type === 'object') return Object.fromEntries(required.map((name) => [name, least(properties[name])]));
  return type === 'array' ? [] : type === 'boolean' ? false : type === 'string' ? 'a' : 1;
}

interface Question {
  method: string;
  path: string;
  body?: string;
}

/** One question for each place of an operation into which a value can be put. */
function places({ method, path, queries, body }: Operation): ((value: string) => Question)[] {
  const sent = method === 'POST' ? { body: JSON.stringify(least(body)) } : {};
  const columns = path.endsWith('/rows') ? ['id', 'name'] : [];
  const shape = body?.anyOf?.find(({ properties }) => properties) ?? body;
  const parameters = [...path.matchAll(PARAMETER)].map(([whole]) => whole);
  return [
    ...[...queries, ...columns].map((name) => (value: string) => ({
      method,
      path: `${existing(path)}?${new URLSearchParams({ [name]: value })}`,
      ...sent,
    })),
    ...parameters.map((parameter) => (value: string) => ({
      method,
      path: existing(path.replace(parameter, () => encodeURIComponent(value).replaceAll('.', '%2e'))),
      ...sent,
    })),
    ...Object.keys(shape?.properties ?? {}).map((name) => (value: string) => ({
      method,
      path: existing(path),
      body: JSON.stringify({ ...(least(shape) as object), [name]: typed(shape?.properties?.[name], value) }),
    })),
  ];
}

/** The value as the type that is asked for, so that it is not refused for that alone. */
const typed = ({ type, items }: Shape = {}, value = ''): unknown =>
  type === 'array' ? [typed(items, value)] : type === 'integer' || type === 'number' ? Number(value) : value;

const AT_ONCE = 16;

/** Those of `questions` that the service failed at. */
async function failing(questions: Question[]): Promise<unknown[]> {
  const wrong: unknown[] = [];
  for (let at = 0; at < questions.length; at += AT_ONCE)
    await Promise.all(
      questions.slice(at, at + AT_ONCE).map(async (question) => {
        const answer = await ask(harness, question.method, question.path, question.body);
        if (answer.status >= 500) wrong.push({ ...question, ...answer });
      }),
    );
  return wrong;
}

/** What the connector service says to whatever is forwarded: nothing changed, or of kinds that there are none. */
function answering({ path }: Pick<Question, 'path'>): void {
  const body = /schemas|kinds/.test(path) ? [] : { created: 0, changed: 0, unchanged: 1, changes: [] };
  harness.connector.answer = { status: 200, body };
}

test('no value at or beyond the ends of what can be held, in any parameter or field of any route, is a failure of the service', async () => {
  const wrong: unknown[] = [];
  let asked = 0;
  for (const operation of all) {
    answering(operation);
    const questions = places(operation).flatMap((place) => VALUES.map(place));
    wrong.push(...(await failing(questions)));
    asked += questions.length;
  }
  expect(wrong).toEqual([]);
  expect(asked).toBeGreaterThan(1000);
}, 180_000);

test('nor is any other instant, number or text', async () => {
  const instant = fc
    .date({ noInvalidDate: true, min: new Date(-8.64e15), max: new Date(8.64e15) })
    .map((date) => date.toISOString());
  const value = fc.oneof(
    instant,
    fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }).map(String),
    fc.double().map(String),
    fc.string({ unit: 'binary', maxLength: 40 }),
  );
  const place = fc.constantFrom(...all.flatMap(places));
  await fc.assert(
    fc.asyncProperty(place, value, async (put, one) => {
      const question = put(one);
      answering(question);
      expect(await failing([question])).toEqual([]);
    }),
    { numRuns: 150 },
  );
}, 120_000);
