import { SonghuaError } from '@songhua/domain';
import { readState, resolveHome } from '@songhua/infra';
import { type Api, createApi } from '../api.js';

/** The API of the running system of this checkout (or `$SONGHUA_HOME`, or `$SONGHUA_API`); throws `usage.not-running`. */
export async function connect(): Promise<{ api: Api; url: string }> {
  const told = process.env.SONGHUA_API;
  const url = told ?? (await readState(resolveHome()))?.apiUrl;
  if (!url)
    throw new SonghuaError(
      'usage.not-running',
      'Songhua is not running here: start it with "songhua up", or name another with SONGHUA_API',
      { actor: 'operator' },
    );
  return { api: createApi(url), url };
}
