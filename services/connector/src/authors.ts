import { decodePrincipal, PRINCIPAL_HEADER } from '@songhua/contracts';
import { type Author, authorOf, type Principal } from '@songhua/domain';

const LOCAL: Principal = { id: 'api', role: 'operator', department: null, actions: null };

/** For whom a call is made. */
export function whoAsks({ headers }: { headers: Record<string, string | string[] | undefined> }): Author {
  const header = headers[PRINCIPAL_HEADER];
  return authorOf(header === undefined ? LOCAL : decodePrincipal(header));
}
