import { SonghuaError } from '@songhua/domain';
import type { NormalizeInput } from '../types.js';

type Asked = Pick<NormalizeInput, 'mode' | 'scope' | 'operations' | 'reset' | 'primaryKey'>;

/** Whether the rows read are the whole next version, so that nothing of the previous one stays. */
export const replaces = ({ mode, scope, reset }: Pick<NormalizeInput, 'mode' | 'scope' | 'reset'>): boolean =>
  mode === 'full' || reset || (scope === 'all' && mode !== 'append');

/** Whether the last row of a key stands, not the first. */
export const lastWins = ({ mode, operations }: Asked): boolean => operations || mode === 'merge' || mode === 'cdc';

/** Throws when the dataset cannot be synced in its mode: `mode.key-missing`, `mode.operations`. */
export function checkMode(input: Asked): void {
  const { mode, operations, primaryKey } = input;
  if (operations && mode === 'append') {
    throw new SonghuaError(
      'mode.operations',
      '追加模式只增加行，但来源要更新或删除行 mode append only adds rows, but the source updates and deletes rows; use mode merge or cdc',
      { actor: 'department' },
    );
  }
  if (!lastWins(input) || primaryKey.length > 0) return;
  throw new SonghuaError(
    'mode.key-missing',
    `${mode} 模式按主键更新，但数据集没有主键 mode ${mode} puts rows in place by primary key, but the dataset has none. Give the dataset a primaryKey, or use mode full or append`,
    { actor: 'department' },
  );
}
