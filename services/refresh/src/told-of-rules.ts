import type { RefreshContext } from '@songhua/catalog';
import { MAX_MANIFEST_BYTES, manifestSchema, rulesHash } from '@songhua/contracts';
import { isHold, SonghuaError } from '@songhua/domain';
import type { ObjectStore } from '@songhua/object-store';

/** Whether rules that were changed since brought about what a refresh finds: those by which the served version was made are not today's. */
async function byChangedRules(store: ObjectStore, { sync, current, dataset }: RefreshContext): Promise<boolean> {
  if (sync.purpose === 'rules') return true;
  if (!current) return false;
  // Whoever cannot be told by which rules it was made is told of the hold all the same.
  const rules = await store.readAll(current.manifestKey, MAX_MANIFEST_BYTES).then(
    (body) => manifestSchema.safeParse(JSON.parse(body.toString())).data?.rules,
    () => undefined,
  );
  return rules !== undefined && rules !== rulesHash(dataset.spec);
}

/** `error` with what brought it about, where it waits for a decision: who decides would look for it in the source otherwise. */
export async function toldOfRules(store: ObjectStore, context: RefreshContext, error: unknown): Promise<unknown> {
  if (!(error instanceof SonghuaError) || !isHold(error.code) || !(await byChangedRules(store, context))) return error;
  const { actor, retryable, details } = error;
  const changed =
    context.sync.purpose === 'rules'
      ? "数据集的规则改了，来源没有变 the dataset's rules were changed, and by the new ones"
      : "现有版本之后，数据集的规则改了 the dataset's rules were changed since the version that is served, and by the new ones";
  return new SonghuaError(error.code, `${changed}: ${error.message}. Or change the rules again`, {
    actor,
    retryable,
    details,
    cause: error,
  });
}
