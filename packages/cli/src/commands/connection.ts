import { SonghuaError } from '@songhua/domain';
import { readOperatorKey, readState, resolveHome } from '@songhua/infra';
import { type Api, createApi } from '../api.js';

/** The API of a system that was started here, with the key that its first start made. */
export const localApi = (home: string, url: string): Api => createApi(url, readOperatorKey(home));

/**
 * The API of the running system of this checkout (or `$SONGHUA_HOME`, or `$SONGHUA_API`), with `$SONGHUA_API_KEY` or
 * the operator's key; throws `usage.not-running`. The operator's key of
 * the state folder is for the system that was started there and is never sent to another.
 */
export async function connect(): Promise<{ api: Api; url: string }> {
  const told = process.env.SONGHUA_API || undefined;
  const url = told ?? (await readState(resolveHome()))?.apiUrl;
  if (!url)
    throw new SonghuaError(
      'usage.not-running',
      'Songhua is not running here: start it with "songhua up", or name another with SONGHUA_API',
      { actor: 'operator' },
    );
  const here = told === undefined ? readOperatorKey(resolveHome()) : undefined;
  return { api: createApi(url, process.env.SONGHUA_API_KEY || here), url };
}

/** The query of those that are told, with its question mark; '' when none is. */
export function queryOf(values: Record<string, string | undefined>): string {
  const told = Object.entries(values).filter((one): one is [string, string] => one[1] !== undefined);
  return told.length === 0 ? '' : `?${new URLSearchParams(told)}`;
}
