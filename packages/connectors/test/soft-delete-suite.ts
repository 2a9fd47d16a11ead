import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ConnectorFixture } from '@songhua/connector-sdk/conformance';
import { endOf, type ReadOnceOptions, readOnce, rowsOf } from './reading.js';

/** What every kind must do whose rows pass through `withDeletions`; `create` starts a source of its own for the suite. */
export function testSoftDelete(create: () => Promise<ConnectorFixture>): void {
  let fixture: ConnectorFixture;
  beforeAll(async () => {
    fixture = await create();
  });
  afterAll(() => fixture?.close());
  const read = (softDelete: object, options: ReadOnceOptions = {}) =>
    readOnce(
      fixture.connector,
      { ...(fixture.config as object), softDelete },
      {
        mode: 'merge',
        primaryKey: ['id'],
        secrets: fixture.secrets ?? {},
        network: fixture.network,
        ...options,
      },
    );

  describe('softDelete', () => {
    test('makes marked rows take theirs away, and the others put theirs, in each read', async () => {
      await fixture.write('id,name,gone\n1,"a, ""b""",0\n2,b,\n');
      const first = await read({ column: 'gone' });
      expect(first[0]).toMatchObject({
        operations: true,
        columns: [{ name: 'id' }, { name: 'name' }, { name: 'gone' }],
      });
      expect(rowsOf(first)).toEqual([
        ['+', '1', 'a, "b"', '0'],
        ['+', '2', 'b', ''],
      ]);
      await fixture.write('id,name,gone\n1,a,2026-11-26\n3,c,\n');
      const second = await read({ column: 'gone' }, { cursor: endOf(first).cursor });
      expect(rowsOf(second).map(([operation, id]) => `${operation}${id}`)).toEqual(['-1', '+3']);
      expect(endOf(second).warnings ?? []).toEqual([]);
    });

    test('goes by the values that the config tells, and warns where no row has the column', async () => {
      await fixture.write('id,status\n1,正常\n2,注销\n');
      const told = await read({ column: 'status', deleted: ['注销'] });
      expect(rowsOf(told).map(([operation, id]) => `${operation}${id}`)).toEqual(['+1', '-2']);
      const without = await read({ column: 'gone' });
      expect(rowsOf(without).map(([operation]) => operation)).toEqual(['+', '+']);
      expect(endOf(without).warnings).toMatchObject([{ code: 'source.no-deletions' }]);
    });

    test('is refused in modes that cannot take rows away', async () => {
      for (const mode of ['full', 'append'] as const)
        await expect(read({ column: 'gone' }, { mode })).rejects.toMatchObject({ code: 'connector.config-invalid' });
    });
  });
}
