import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { EngineName } from '@songhua/infra';
import { waitFor } from '@songhua/runtime/testing';
import { identities, violations } from '../harness/invariants.js';
import { type System, startSystem } from '../harness/system.js';
import { roundOf, writeSources } from './sources.js';

const HOOK = join(__dirname, 'crash-hook.cjs');
const folder = mkdtempSync(join(tmpdir(), 'songhua-kills-'));
const sources = join(folder, 'sources');
let system: System;
/** Identity of each source's version in a run that nothing disturbed, by position. */
let undisturbed: string[];

beforeAll(async () => {
  writeSources(sources);
  system = await startSystem({ home: join(folder, 'system'), fileRoots: [sources], replicas: { refresh: 2 } });
  const { resources, names } = roundOf('undisturbed', sources);
  await system.apply(resources);
  const progress = await system.sync({ connectors: names });
  expect(progress).toMatchObject({ published: names.length });
  undisturbed = [...(await identities(system, names)).values()];
}, 180_000);

afterAll(async () => {
  await system?.stop();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

/** Runs a round while `disturb` does its work; every dataset must end published, once, with the undisturbed identity. */
async function survives(round: string, disturb: (names: string[]) => Promise<void>): Promise<void> {
  const { resources, names } = roundOf(round, sources);
  await system.apply(resources);
  const [progress] = await Promise.all([system.sync({ connectors: names }, { timeoutMs: 170_000 }), disturb(names)]);
  expect(progress).toMatchObject({ published: names.length, failed: 0, held: 0, failures: [] });
  expect([...(await identities(system, names)).values()]).toEqual(undisturbed);
  for (const name of names) {
    const { items } = await system.get<{ items: unknown[] }>(`/api/v1/datasets/${name}/versions`);
    expect({ name, versions: items.length }).toEqual({ name, versions: 1 });
  }
  expect(await violations(system)).toEqual([]);
}

describe('a service killed with SIGKILL at a commit step', () => {
  // Three services are struck in each round, each at its own step; each must come back and finish what it had begun.
  const rounds: [string, Record<string, string>][] = [
    [
      'before anything is durable',
      {
        connector: '@songhua/catalog/connector#createConnectorCatalog>syncs.take:after',
        landing: '@songhua/object-store#createMinioStore>put:before',
        refresh: '@songhua/catalog/refresh#createRefreshCatalog>refreshes.begin:after',
      },
    ],
    [
      'amid the batches, before the landing manifest, before the files',
      {
        connector: '@songhua/messaging#createKafkaMessaging>producer>send:after@4',
        landing: '@songhua/object-store#createMinioStore>put:before@2',
        refresh: '@songhua/object-store#uploadVerified:before',
      },
    ],
    [
      'before the closing event, after the landing manifest, after the files',
      {
        connector: '@songhua/messaging#createKafkaMessaging>producer>send:before@2',
        landing: '@songhua/object-store#createMinioStore>put:after@2',
        refresh: '@songhua/object-store#uploadVerified:after',
      },
    ],
    [
      'before the result, before the signal, before the manifest',
      {
        connector: '@songhua/catalog/connector#createConnectorCatalog>syncs.finish:before',
        landing: '@temporalio/client#Client>workflow.signalWithStart:before',
        refresh: '@songhua/object-store#commitManifest:before',
      },
    ],
    [
      'after the result, after the signal, after the manifest',
      {
        connector: '@songhua/catalog/connector#createConnectorCatalog>syncs.finish:after',
        landing: '@temporalio/client#Client>workflow.signalWithStart:after',
        refresh: '@songhua/object-store#commitManifest:after',
      },
    ],
    [
      'after the first acknowledgement, after the first part, before the catalog transaction',
      {
        connector: '@songhua/messaging#createKafkaMessaging>producer>send:after',
        landing: '@songhua/object-store#createMinioStore>put:after',
        refresh: '@songhua/catalog/refresh#createRefreshCatalog>refreshes.publish:before',
      },
    ],
    [
      'before a landing is recorded, after the catalog transaction, and while versions are relayed',
      {
        landing: '@songhua/catalog/landing#createLandingCatalog>syncs.land:before',
        catalog: '@songhua/messaging#createKafkaMessaging>producer>send:after',
        refresh: '@songhua/catalog/refresh#createRefreshCatalog>refreshes.publish:after',
      },
    ],
    [
      'after a landing is recorded, and before its lane is told',
      { landing: '@songhua/catalog/landing#createLandingCatalog>syncs.land:after' },
    ],
  ];

  test.each(rounds)(
    'leaves one version each, the same as undisturbed: %s',
    async (name, steps) => {
      const round = `kill-${rounds.findIndex(([n]) => n === name)}`;
      const marks = Object.entries(steps).map(([label, step]) => ({
        label,
        step,
        mark: join(folder, `${round}-${label}`),
      }));
      await Promise.all(
        marks.flatMap(({ label, step, mark }) => {
          const env = { SONGHUA_CRASH_AT: step, SONGHUA_CRASH_MARK: mark };
          // The refresh step must strike whichever worker takes the activity.
          const labels = label === 'refresh' ? ['refresh', 'refresh-2'] : [label];
          return labels.map((one) => system.service(one).restart(env, ['--require', HOOK]));
        }),
      );
      await survives(round, async () => undefined);
      for (const { label, step, mark } of marks)
        expect({ label, step, struck: existsSync(mark) }).toEqual({ label, step, struck: true });
    },
    240_000,
  );
});

describe('a worker that stalls', () => {
  test('and wakes after its retry has finished overwrites nothing', async () => {
    const mark = join(folder, 'stalled');
    const env = {
      SONGHUA_CRASH_AT: '@songhua/object-store#uploadVerified:after',
      SONGHUA_CRASH_MARK: mark,
      SONGHUA_CRASH_SIGNAL: 'SIGSTOP',
    };
    const workers = ['refresh', 'refresh-2'];
    await Promise.all(workers.map((label) => system.service(label).restart(env, ['--require', HOOK])));
    await survives('stall', () => waitFor('a worker to stall', async () => existsSync(mark)));
    for (const label of workers) process.kill(system.service(label).pid, 'SIGCONT');
    await waitFor('both workers to answer', async () => {
      const answers = await Promise.all(
        workers.map((label) => fetch(`http://127.0.0.1:${system.service(label).port}/healthz`)),
      );
      return answers.every((answer) => answer.ok);
    });
    // Everything the woken worker still does has been done once this passes through it and its neighbour.
    await system.sync({ connectors: roundOf('stall', sources).names }, { full: true });
    expect(await violations(system)).toEqual([]);
  }, 240_000);
});

describe('an engine killed with SIGKILL mid-run', () => {
  test.each<EngineName>(['kafka', 'temporal', 'object-store', 'postgres'])(
    '%s: comes back, and the run ends as if undisturbed',
    async (engine) => {
      await survives(`engine-${engine}`, async (names) => {
        await waitFor('the run to be under way', async () => {
          const { items } = await system.get<{ items: { state: string }[] }>(`/api/v1/syncs?connector=${names[0]}`);
          return items.some((sync) => sync.state !== 'queued');
        });
        await system.engines.kill(engine);
        await system.engines.restart(engine);
      });
    },
    240_000,
  );
});
