import type { ConnectorRecord, SealedSecret } from '@songhua/catalog';
import type { ConnectorCatalog } from '@songhua/catalog/connector';
import type { ConnectorResource } from '@songhua/contracts';
import { type Author, connectorId, SonghuaError } from '@songhua/domain';
import { isSealed, type Keyring, rewrap, seal, unseal } from '@songhua/runtime';

/** Values of secrets on their way to the catalog and back: what it keeps opens for this connector and this name only. */
export interface Vault {
  /** The values that are kept for a connector, by name. Throws `secret.unreadable` and `secret.key-missing`. */
  stored(connector: Pick<ConnectorRecord, 'id' | 'name' | 'approved' | 'revision'>): Promise<Record<string, string>>;
  /**
   * A resource as the catalog is to keep it: values sealed, and one that is given again as it is kept already is no change. Every value on
   * its way to the catalog passes here.
   */
  keep(resource: ConnectorResource, author: Author): Promise<ConnectorResource>;
  /**
   * Puts every data key under the newest key-encryption key, and seals what an earlier release left readable. Each value on its own, so
   * that an interrupted run is taken up where it ended.
   */
  rotate(): Promise<{ key: string; secrets: number; rewrapped: number }>;
}

const PAGE = 500;

export function createVault(catalog: Pick<ConnectorCatalog, 'connectors' | 'secrets'>, keyring: Keyring): Vault {
  const { connectors } = catalog;

  const valuesOf = async (
    connector: { id: string; name: string },
    revision: number,
  ): Promise<Record<string, string>> => {
    const sealed = Object.entries(await connectors.secrets(connector.name, revision));
    const values = sealed.map(async ([name, value]) => [name, await open(connector.id, name, value)] as const);
    return Object.fromEntries(await Promise.all(values));
  };

  const open = async (connector: string, name: string, value: string): Promise<string> => {
    try {
      return isSealed(value) ? await unseal(keyring, [connector, name], value) : value;
    } catch (error) {
      const { code, message } = error as SonghuaError;
      throw new SonghuaError(code, `secret ${name}: ${message}`, { actor: 'operator', cause: error });
    }
  };

  const rewrapped = async (secret: SealedSecret): Promise<boolean> => {
    const context = [secret.connectorId, secret.name];
    const next = isSealed(secret.value)
      ? await rewrap(keyring, context, secret.value)
      : await seal(keyring, context, secret.value);
    return next !== secret.value && catalog.secrets.replace(secret, next);
  };

  return {
    stored: (connector) => valuesOf(connector, connector.approved ?? connector.revision),

    async keep(resource, author) {
      const given = Object.entries(resource.spec.secrets).some(([, reference]) => 'value' in reference);
      if (!given) return resource;
      const { name } = resource.metadata;
      const present = await connectors.get(name);
      const kept = present ? await valuesOf(present, baseOf(present, author)) : {};
      const id = connectorId(name);
      const secrets = Object.entries(resource.spec.secrets).map(async ([key, reference]) => {
        if (!('value' in reference)) return [key, reference] as const;
        if (reference.value === kept[key]) return [key, { stored: true }] as const;
        return [key, { value: await seal(keyring, [id, key], reference.value) }] as const;
      });
      return { ...resource, spec: { ...resource.spec, secrets: Object.fromEntries(await Promise.all(secrets)) } };
    },

    async rotate() {
      const { id } = await keyring.newest();
      const result = { key: id, secrets: 0, rewrapped: 0 };
      for (let after: SealedSecret | undefined; ; ) {
        const page = await catalog.secrets.page(after, PAGE);
        for (const secret of page) {
          result.secrets++;
          if (await rewrapped(secret)) result.rewrapped++;
        }
        after = page.at(-1);
        if (!after) return result;
      }
    },
  };
}

/** Seals what is readable; without a key-encryption key it stays as it is, and syncs go on. True when something was sealed. */
export async function sealReadable(vault: Vault, catalog: Pick<ConnectorCatalog, 'secrets'>): Promise<boolean> {
  for (let after: SealedSecret | undefined; ; ) {
    const page = await catalog.secrets.page(after, PAGE);
    if (page.some((secret) => !isSealed(secret.value))) {
      await vault.rotate();
      return true;
    }
    after = page.at(-1);
    if (!after) return false;
  }
}

/** The revision whose secrets an author's change starts from. */
const baseOf = ({ approved, proposal, revision }: ConnectorRecord, author: Author): number =>
  (author.mayApprove && approved) || (proposal?.revision ?? approved ?? revision);
