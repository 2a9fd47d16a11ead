import { MAX_BATCH_BYTES, OPERATIONS, type SyncWarning } from '@songhua/contracts';
import { cutRows } from './cut-rows.js';
import { sourceError } from './errors.js';
import { prefixRows } from './remap.js';
import { isDeleted, type SoftDelete } from './soft-delete.js';
import type { ReadContext, SourceMessage } from './types.js';

/**
 * Where the config has `softDelete`, turns rows into operations: those that its column marks as deleted delete, the others put. Throws
 * `connector.config-invalid` in modes other than merge, before `messages` are asked for.
 */
export async function* withDeletions(
  { config, mode }: ReadContext<{ softDelete?: SoftDelete | undefined }>,
  messages: AsyncIterable<SourceMessage>,
): AsyncGenerator<SourceMessage> {
  const { softDelete } = config;
  if (softDelete === undefined) return yield* messages;
  if (mode !== 'merge')
    throw sourceError(
      'connector.config-invalid',
      `softDelete takes rows away by their key, which mode ${mode} does not; use mode merge`,
    );
  const { column } = softDelete;
  const operationOf = (cell: string): string => (isDeleted(cell, softDelete) ? OPERATIONS.delete : OPERATIONS.put);
  let at = -1;
  for await (const message of messages) {
    switch (message.type) {
      case 'start':
        at = message.columns.findIndex(({ name, source }) => name === column || source === column);
        yield { ...message, operations: true };
        break;
      case 'rows':
        for (const part of cutRows(prefixRows(message.csv, at, operationOf), MAX_BATCH_BYTES))
          yield { type: 'rows', ...part };
        break;
      case 'end':
        yield at >= 0 ? message : { ...message, warnings: [...(message.warnings ?? []), noColumn(column)] };
        break;
      default:
        yield message;
    }
  }
}

// Many reads hold the mark of deleted rows only, so a read without one may be right.
const noColumn = (column: string): SyncWarning => ({
  code: 'source.no-deletions',
  message: `no row has the column ${JSON.stringify(column)}, so none counts as deleted; if the source marks them otherwise, correct softDelete.column. 没有任何行带有标记删除的列`,
});
