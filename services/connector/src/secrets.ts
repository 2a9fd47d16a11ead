import { readFile, realpath, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { isInside } from '@songhua/connector-sdk';
import type { ConnectorSpec } from '@songhua/contracts';
import { SonghuaError } from '@songhua/domain';

/**
 * `stored` gives the values that the catalog keeps for this connector; it is asked only when a secret needs one. With `only`, references
 * are those of this department alone: nobody of the city has looked at what the connector does with them yet.
 */
export type ResolveSecrets = (
  secrets: ConnectorSpec['secrets'],
  stored: () => Promise<Record<string, string>>,
  only?: string | undefined,
) => Promise<Record<string, string>>;

// A connector sends its secrets to an address of its own choosing, so it may name only variables that are meant for connectors.
const ENV_PREFIX = 'SONGHUA_SECRET_';
// A key or token; anything longer is the wrong file.
const MAX_SECRET_BYTES = 64 * 1024;

const problem = (name: string, what: string): SonghuaError =>
  new SonghuaError('connector.secret-unresolved', `secret ${name}: ${what}`, { actor: 'operator' });

/**
 * How the variables of one department begin, whoever approved what names them: `SONGHUA_SECRET_TAX_BUREAU__`. None for a name with `--`,
 * which would read like another's.
 */
const prefixOf = (department: string): string | undefined =>
  department.includes('--') ? undefined : `${ENV_PREFIX}${department.replaceAll('-', '_').toUpperCase()}__`;

/**
 * Turns secret references into values when a sync starts, so that a changed secret needs no restart. Variables must begin with
 * SONGHUA_SECRET_, files must lie in `folder`. Throws `connector.secret-unresolved` and `connector.secret-missing`, never with a value in
 * the message.
 */
export function createSecretResolver(folder: string | undefined, env: NodeJS.ProcessEnv = process.env): ResolveSecrets {
  return async (secrets, stored, only) => {
    const values: Record<string, string> = {};
    for (const [name, reference] of Object.entries(secrets)) {
      if ('value' in reference) values[name] = reference.value;
      else if ('stored' in reference) values[name] = await storedValue(name, stored);
      else if ('env' in reference) values[name] = variable(env, name, { wanted: reference.env, only });
      else values[name] = await fileValue(folder, name, { wanted: reference.file, only });
    }
    return values;
  };
}

interface Reference {
  wanted: string;
  only: string | undefined;
}

async function storedValue(name: string, stored: () => Promise<Record<string, string>>): Promise<string> {
  const value = (await stored())[name];
  if (value !== undefined) return value;
  throw new SonghuaError(
    'connector.secret-missing',
    `secret ${name} has no value yet: give it with "songhua secrets set CONNECTOR ${name}", or apply the connector with { value: … } once`,
    { actor: 'department' },
  );
}

function variable(env: NodeJS.ProcessEnv, name: string, { wanted, only }: Reference): string {
  if (!wanted.startsWith(ENV_PREFIX)) throw problem(name, `variable ${wanted} may not be used; name it ${ENV_PREFIX}…`);
  const own = only === undefined ? ENV_PREFIX : prefixOf(only);
  if (own === undefined || !wanted.startsWith(own))
    throw problem(
      name,
      `variable ${wanted} is not of ${only} alone, so it works once the connector is approved; ${own === undefined ? 'give the value itself' : `give the value itself, or ask for one named ${own}…`}`,
    );
  const value = env[wanted];
  if (value === undefined) throw problem(name, `variable ${wanted} is not set for the connector service`);
  return value;
}

async function fileValue(folder: string | undefined, name: string, { wanted, only }: Reference): Promise<string> {
  if (folder === undefined)
    throw problem(name, 'files are not allowed; set SONGHUA_SECRETS_DIR for the connector service');
  const base = await realpath(folder);
  const own = only === undefined ? base : await realpath(join(base, only)).catch(() => undefined);
  const path = await realpath(resolve(base, wanted)).catch(() => undefined);
  // One message for all, so that nothing of the machine's other files shows.
  if (path === undefined || own === undefined || !isInside(base, path) || !isInside(own, path))
    throw problem(
      name,
      `there is no file ${wanted} in the secrets folder${only === undefined ? '' : ` that is of ${only} alone; until the connector is approved, name one in its folder ${only}/, or give the value itself`}`,
    );
  const found = await stat(path);
  if (!found.isFile()) throw problem(name, `${wanted} is no file`);
  if (found.size > MAX_SECRET_BYTES) throw problem(name, `file ${wanted} has more than ${MAX_SECRET_BYTES} bytes`);
  return (await readFile(path, 'utf8')).trim();
}
