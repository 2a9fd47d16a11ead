import { SonghuaError } from '@songhua/domain';
import type { Database } from './database.js';
import type { AskedRollback, RollbackRepository } from './operate-types.js';

export function createRollbackRepository({ query }: Database): RollbackRepository {
  return {
    async open(asked) {
      const [row] = await query<{ result: AskedRollback }>(
        'rollback_open',
        'SELECT rollback_open($1::jsonb) AS result',
        [JSON.stringify(asked)],
      );
      if (!row) throw new SonghuaError('catalog.query', 'the catalog did not answer; report this as a defect');
      return row.result;
    },
  };
}
