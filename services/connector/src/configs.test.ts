import { afterAll, expect, test } from '@jest/globals';
import type { Connector } from '@songhua/connector-sdk';
import { connectorKinds } from '@songhua/connectors';
import { parseConfig } from './configs.js';

const kinds = connectorKinds({ fileRoots: [] });
afterAll(() => kinds.close());
const http = kinds.get('http') as Connector;
const url = 'https://source.example/rows';

/** What is said of a config, without its values; '' when it is accepted. */
function told(config: object): string {
  try {
    parseConfig(http, { url, ...config });
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

test('credentials in config are refused by their place, and never repeated', () => {
  const exposed: [string, object][] = [
    ['config.url', { url: 'https://user:canary@source.example/rows' }],
    ['config.url', { url: 'https://canary@source.example/rows' }],
    ['config.url', { url: `${url}?format=csv&api_key=canary` }],
    ['config.url', { url: `${url}?X-Amz-Signature=canary` }],
    ['config.query.access_token', { query: { access_token: 'canary' } }],
    ['config.headers.X-Api-Key', { headers: { 'X-Api-Key': 'canary' } }],
    ['config.body.form.password', { method: 'POST', body: { form: { password: 'canary' } } }],
    ['config.body.json.clientSecret', { method: 'POST', body: { json: { clientSecret: 'canary' } } }],
  ];
  for (const [path, config] of exposed) {
    expect(told(config)).toMatch(`${path}: config is no place for credentials`);
    expect(told(config)).not.toContain('canary');
  }
});

test('what only says where credentials go, or is none, is accepted', () => {
  expect(told({})).toBe('');
  expect(told({ url: `${url}?page=1&format=csv&key=name&tokenized=no`, query: { passport: 'any' } })).toBe('');
  expect(
    told({ authentication: { type: 'apiKey', header: { 'X-Api-Key': 'token' }, query: { token: 'token' } } }),
  ).toBe('');
  expect(told({ pagination: { type: 'cursor', parameter: 'token', token: '/meta/token' } })).toBe('');
});
