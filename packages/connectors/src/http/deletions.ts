import { isDeleted, prefixRows, type SoftDelete, type SourceMessage } from '@songhua/connector-sdk';
import { MAX_BATCH_BYTES, OPERATIONS, type SyncWarning } from '@songhua/contracts';
import { cutRows } from './cut-rows.js';

/** Turns rows into operations: those that the column marks as deleted delete, the others put. */
export async function* withDeletions(
  messages: AsyncIterable<SourceMessage>,
  softDelete: SoftDelete,
): AsyncGenerator<SourceMessage> {
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

// Many answers hold the mark of deleted rows only, so a read without one may be right.
const noColumn = (column: string): SyncWarning => ({
  code: 'source.no-deletions',
  message: `no row has the column ${JSON.stringify(column)}, so none counts as deleted; if the source marks them otherwise, correct softDelete.column. 没有任何行带有标记删除的列`,
});
