import type { RefreshContext } from '@songhua/catalog';
import { isHold, SonghuaError } from '@songhua/domain';

/** Whether a refresh is there because the rules of its dataset were changed: the source is as it was. */
export const byChangedRules = ({ sync }: Pick<RefreshContext, 'sync'>): boolean => sync.purpose === 'rules';

/** `error` with what brought it about, where it waits for a decision: who decides would look for it in the source otherwise. */
export function toldOfRules(error: unknown): unknown {
  if (!(error instanceof SonghuaError) || !isHold(error.code)) return error;
  const { actor, retryable, details } = error;
  return new SonghuaError(
    error.code,
    `数据集的规则改了，来源没有变 the dataset's rules were changed, and by the new ones: ${error.message}. Or change the rules again`,
    { actor, retryable, details, cause: error },
  );
}
