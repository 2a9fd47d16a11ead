import { readFile, realpath } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import type { ConnectorSpec } from '@songhua/contracts';
import { SonghuaError } from '@songhua/domain';

/** `stored` gives the values that the catalog keeps for this connector; it is asked only when a secret needs one. */
export type ResolveSecrets = (
  secrets: ConnectorSpec['secrets'],
  stored: () => Promise<Record<string, string>>,
) => Promise<Record<string, string>>;

// A connector sends its secrets to an address of its own choosing, so it may name only variables that are meant for connectors.
const ENV_PREFIX = 'SONGHUA_SECRET_';
// A key or token; anything longer is the wrong file.
const MAX_SECRET_BYTES = 64 * 1024;

const problem = (name: string, what: string): SonghuaError =>
  new SonghuaError('connector.secret-unresolved', `secret ${name}: ${what}`, { actor: 'operator' });

/**
 * Turns secret references into values when a sync starts, so that a changed secret needs no restart. Variables must begin with
 * SONGHUA_SECRET_, files must lie in `folder`. Throws `connector.secret-unresolved` and `connector.secret-missing`, never with a value in
 * the message.
 */
export function createSecretResolver(folder: string | undefined, env: NodeJS.ProcessEnv = process.env): ResolveSecrets {
  return async (secrets, stored) => {
    const values: Record<string, string> = {};
    for (const [name, reference] of Object.entries(secrets)) values[name] = await resolveOne(name, reference, stored);
    return values;
  };

  async function resolveOne(
    name: string,
    reference: ConnectorSpec['secrets'][string],
    stored: () => Promise<Record<string, string>>,
  ): Promise<string> {
    if ('value' in reference) return reference.value;
    if ('stored' in reference) {
      const value = (await stored())[name];
      if (value !== undefined) return value;
      throw new SonghuaError(
        'connector.secret-missing',
        `secret ${name} has no value yet: give it with "songhua secrets set CONNECTOR ${name}", or apply the connector with { value: … } once`,
        { actor: 'department' },
      );
    }
    if ('env' in reference) {
      if (!reference.env.startsWith(ENV_PREFIX))
        throw problem(name, `variable ${reference.env} may not be used; name it ${ENV_PREFIX}…`);
      const value = env[reference.env];
      if (value === undefined) throw problem(name, `variable ${reference.env} is not set for the connector service`);
      return value;
    }
    if (folder === undefined)
      throw problem(name, 'files are not allowed; set SONGHUA_SECRETS_DIR for the connector service');
    const base = await realpath(folder);
    const path = await realpath(resolve(base, reference.file)).catch(() => {
      throw problem(name, `file ${reference.file} does not exist in the secrets folder`);
    });
    if (relative(base, path).startsWith('..'))
      throw problem(name, `file ${reference.file} is not inside the secrets folder`);
    const content = await readFile(path);
    if (content.length > MAX_SECRET_BYTES)
      throw problem(name, `file ${reference.file} has more than ${MAX_SECRET_BYTES} bytes`);
    return content.toString('utf8').trim();
  }
}
