import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type AuditVerdict, auditVerdictSchema } from '@songhua/contracts';
import { type Harness, startHarness } from '../harness.js';
import { department, domain } from '../publish.js';

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness();
}, 60_000);
afterAll(() => harness.stop());

const get = async (path: string): Promise<unknown> =>
  (await fetch(new URL(path, harness.url), { headers: harness.operator })).json();
const verify = async (body: object = {}): Promise<AuditVerdict> =>
  auditVerdictSchema.parse(
    await (
      await fetch(new URL('/api/v1/audit:verify', harness.url), {
        method: 'POST',
        headers: { ...harness.operator, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
    ).json(),
  );

test('a change is in the log with who made it, and pages and filters find it', async () => {
  const { id } = (await get('/api/v1/whoami')) as { id: string };
  expect(id).toMatch(/^key:[0-9a-f]{12}$/);
  await fetch(new URL('/api/v1/resources:apply', harness.url), {
    method: 'POST',
    headers: { ...harness.operator, 'content-type': 'application/json' },
    body: JSON.stringify([department, domain]),
  });
  const subject = `Department/${department.metadata.name}`;
  expect(await get(`/api/v1/audit?subject=${subject}`)).toMatchObject({
    items: [{ actor: id, action: 'create', subject }],
    next: null,
  });
  const first = (await get('/api/v1/audit?limit=2')) as { items: { sequence: number }[]; next: number };
  const second = (await get(`/api/v1/audit?limit=1&before=${first.next}`)) as { items: { sequence: number }[] };
  expect(second.items[0]?.sequence).toBe(first.next - 1);
});

test('a row cut off, and the log grown again over it, is found by the head that a service noted elsewhere', async () => {
  expect(await verify()).toMatchObject({ ok: true });
  const head = (await get('/api/v1/audit:head')) as { sequence: number; hash: string };
  // A service that stops notes the head, as it does every ten minutes.
  const replica = await harness.replica();
  await replica.stop();
  await harness.tamper(`DELETE FROM audit WHERE sequence >= ${head.sequence}`);
  expect(await verify({ heads: [head] })).toMatchObject({
    ok: false,
    bad: { sequence: head.sequence, fault: 'truncated' },
  });
  await harness.catalog.audit.append('key:mallory', 'change', 'Dataset/x', {});
  expect(await verify()).toMatchObject({ ok: false, anchors: 1, bad: { sequence: head.sequence, fault: 'edited' } });
});

test('an edited row is named with its sequence number', async () => {
  await harness.tamper(`UPDATE audit SET actor = 'key:mallory' WHERE sequence = 2`);
  expect(await verify()).toMatchObject({ ok: false, count: 1, bad: { sequence: 2, fault: 'edited' } });
});
