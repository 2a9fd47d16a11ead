import { type Connector, sourceError } from '@songhua/connector-sdk';
import { canonical } from '@songhua/domain';
import { configProblems } from './config-problems.js';

// `scheme://user:password@…`: whoever may read a connector may read its config.
const PASSWORD_IN_URL = /^[a-z][a-z0-9+.-]*:\/\/[^/?#\s]*:[^/?#\s]*@/i;

/** The config as the kind wants it; throws `connector.config-invalid` that names each bad field. */
export function parseConfig(kind: Connector, config: unknown): unknown {
  const exposed = passwordsIn(config, 'config');
  if (exposed.length > 0)
    throw sourceError(
      'connector.config-invalid',
      `${exposed.join(', ')}: an address holds a password, and config is no place for one; give username and password as secrets`,
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
    again.success && canonical(again.data) === canonical(full) && typeof plain === 'object' && plain !== null;
  return stable ? (plain as Record<string, unknown>) : config;
}

/** Where in `value` an address holds a password. */
function passwordsIn(value: unknown, path: string): string[] {
  if (typeof value === 'string') return PASSWORD_IN_URL.test(value) ? [path] : [];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => passwordsIn(item, `${path}.${key}`));
}
