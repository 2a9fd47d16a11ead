import { describe, expect, test } from '@jest/globals';
import { connectorKinds } from '@songhua/connectors';
import { z } from 'zod';
import { parseConfig } from '../src/configs.js';

const kinds = connectorKinds({ fileRoots: ['/srv/files'] });
const names = kinds.list().map(({ kind }) => kind);

/** What the department is told of a config. */
function told(kind: string, config: unknown): string {
  const found = kinds.get(kind);
  if (!found) throw new Error(`there is no kind ${kind}`);
  try {
    parseConfig(found, config);
    return 'accepted';
  } catch (error) {
    expect(error).toMatchObject({ code: 'connector.config-invalid', actor: 'department', retryable: false });
    return (error as Error).message;
  }
}

/** Places of a JSON schema whose objects have named fields and take others besides. */
function openPlaces(schema: unknown, place = ''): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const { properties, additionalProperties } = schema as Record<string, unknown>;
  const own = properties !== undefined && additionalProperties !== false ? [place] : [];
  return [...own, ...Object.entries(schema).flatMap(([key, inner]) => openPlaces(inner, `${place}/${key}`))];
}

test.each(names)('a field that kind %s does not have is refused, at every depth', (kind) => {
  const schema = kinds.get(kind)?.configSchema;
  expect(openPlaces(z.toJSONSchema(schema as z.ZodType, { io: 'input', unrepresentable: 'any' }))).toEqual([]);
});

describe('a wrong config is told with its place, what was expected there, and what was meant', () => {
  const sql = { host: 'db.example.gov.cn', database: 'library' };
  const http = { url: 'https://api.example.gov.cn/rows' };
  test.each<[kind: string, config: unknown, said: string]>([
    ['postgres', { ...sql, tabel: 'loans' }, 'config.tabel: is no field here; did you mean table?'],
    ['postgres', { ...sql, cursor: { colum: 'a' } }, 'config.cursor.colum: is no field here; did you mean column?'],
    ['postgres', { database: 'library' }, 'config.host: is missing, expected string'],
    ['mysql', { ...sql, host: 'db.example.gov.cn:3306' }, 'its port is said as `port`'],
    [
      'dameng',
      { ...sql, host: 'jdbc:dm://db.example.gov.cn' },
      'config.host: expected the name or address of a machine',
    ],
    ['sqlite', { path: 'a.db', zzz: 1 }, 'there are path, table'],
    ['http', { url: 'api.example.gov.cn' }, 'config.url: expected an address such as https://'],
    ['http', { ...http, method: 'POST', body: { jsn: {} } }, 'config.body: expected { json: { … } }'],
    ['http', { ...http, headers: { Authorization: 'x' } }, 'config.headers.Authorization: say it in `secrets`'],
    ['http', { ...http, authentication: { type: 'apiKey' } }, 'config.authentication: sends no key'],
    [
      'http',
      { ...http, pagination: { type: 'cursor', tokn: '/a' } },
      'config.pagination.tokn: is no field here; did you mean token?',
    ],
    ['file', { path: 'a.csv', encoding: 'gbk-2312' }, 'config.encoding: expected the name of an encoding'],
    [
      'push',
      { fixedWidth: { widths: [3], unti: 'bytes' } },
      'config.fixedWidth.unti: is no field here; did you mean unit?',
    ],
    ['s3', { endpoint: 'https://s3.example.gov.cn/bucket', bucket: 'b', path: 'a' }, 'the bucket is said as `bucket`'],
    ['sftp', { host: 'files.example.gov.cn', path: 'a', hostKey: 'MD5:00' }, 'config.hostKey: use the fingerprint'],
    ['kafka', { brokers: ['kafka.example.gov.cn'], topic: 't' }, 'config.brokers.0: expected host:port'],
  ])('%s %j', (kind, config, said) => {
    expect(told(kind, config)).toContain(said);
    expect(told(kind, config)).toContain(`correct the connector of kind ${kind}`);
  });

  test.each(['db.example.gov.cn', '10.0.0.7', '2001:db8::1', '[2001:db8::1]', 'db_1.内网'])('%s is a host', (host) =>
    expect(told('postgres', { ...sql, host })).toBe('accepted'),
  );
});
