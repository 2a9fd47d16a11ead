import { type Connector, sourceError } from '@songhua/connector-sdk';
import { canonicalJson } from '@songhua/domain';
import { configProblems } from './config-problems.js';

// `scheme://user:password@…`, or a token alone: whoever may read a connector may read its config.
const CREDENTIALS_IN_URL = /^[a-z][a-z0-9+.-]*:\/\/[^/?#\s]*@/i;
// What credentials are commonly called in addresses, headers and forms.
const CREDENTIAL =
  /^(x-)?(amz-)?(api-?key|app-?(key|secret)|(access|auth|private|session|security)?-?token|client-?secret|secret(-?key)?|pass(word|wd)?|pwd|signature|sig)$/i;
// Where kinds send fields as they are; elsewhere in config these names say where a secret goes.
const SENT = /^config\.(query|headers|body\.(form|json))\./;

/** The config as the kind wants it; throws `connector.config-invalid` that names each bad field. */
export function parseConfig(kind: Connector, config: unknown): unknown {
  const exposed = credentialsIn(config, 'config');
  if (exposed.length > 0)
    throw sourceError(
      'connector.config-invalid',
      `${exposed.join(', ')}: config is no place for credentials, whoever may read the connector sees it; give them as secrets, and with kind http say in \`authentication\` where they are sent`,
    );
  const parsed = kind.configSchema.safeParse(config);
  if (parsed.success) return parsed.data;
  const problems = configProblems(kind.configSchema, parsed.error);
  throw sourceError('connector.config-invalid', `${problems.join('; ')}; correct the connector of kind ${kind.kind}`);
}

/** The config with its defaults, so that saying a default is no change; as it is where the kind would not read its own reading alike. */
export function fullConfig(kind: Connector, config: Record<string, unknown>): Record<string, unknown> {
  const full = parseConfig(kind, config);
  const plain: unknown = JSON.parse(JSON.stringify(full));
  const again = kind.configSchema.safeParse(plain);
  const stable =
    again.success && canonicalJson(again.data) === canonicalJson(full) && typeof plain === 'object' && plain !== null;
  return stable ? (plain as Record<string, unknown>) : config;
}

/** Where in `value` credentials are written: in an address, or in a field that is sent under such a name. */
function credentialsIn(value: unknown, path: string): string[] {
  if (typeof value === 'string') return inAddress(value) || isSentAsCredential(path, value) ? [path] : [];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => credentialsIn(item, `${path}.${key}`));
}

const isCredential = (name: string): boolean => CREDENTIAL.test(name.replaceAll('_', '-'));

function inAddress(text: string): boolean {
  if (CREDENTIALS_IN_URL.test(text)) return true;
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(text) || !URL.canParse(text)) return false;
  return [...new URL(text).searchParams].some(([name, value]) => value !== '' && isCredential(name));
}

const isSentAsCredential = (path: string, value: string): boolean =>
  value !== '' && SENT.test(path) && isCredential(path.slice(path.lastIndexOf('.') + 1));
