import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import type { LaneReference } from '@songhua/contracts';
import { Worker, type WorkflowBundle } from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import { bundle, landed, quietRuntime, withLane } from './lane.js';
import { SCENARIOS } from './scenarios.js';

const histories = join(__dirname, 'histories');
const address = process.env.SONGHUA_TEST_TEMPORAL_ADDRESS ?? '';
let code: WorkflowBundle;
let changed: WorkflowBundle;

beforeAll(async () => {
  quietRuntime();
  code = await bundle(require.resolve('@songhua/workflows/bundle'));
  changed = await bundle(require.resolve('./changed/workflows.ts'));
}, 120_000);

// Of a lane that went on in new runs, the later ones are numbered.
const fileOf = (name: string, run: number): string => join(histories, `${name}${run === 0 ? '' : `.${run + 1}`}.json`);
const kept = (name: string): unknown[] =>
  readdirSync(histories)
    .filter((file) => file.split('.')[0] === name)
    .map((file) => JSON.parse(readFileSync(join(histories, file), 'utf8')));
const replay = (workflowBundle: WorkflowBundle, history: unknown): Promise<void> =>
  Worker.runReplayHistory({ workflowBundle, replayName: 'test' }, history);

describe('the lane workflow of today', () => {
  test.each(SCENARIOS.map((scenario) => [scenario.name, scenario] as const))(
    'ends "%s" and replays its own history',
    async (_name, scenario) => {
      const { activities, historyLimit } = scenario;
      const options = { address, code, activities: activities(), ...(historyLimit && { historyLimit }) };
      const runs = await withLane(options, async (lane) => {
        await scenario.run(lane);
        return lane.histories();
      });
      expect(runs.length > 1).toBe(historyLimit !== undefined);
      for (const history of runs) await replay(code, history);
      // A new scenario keeps its first histories; a kept one is never replaced, because workflows of its age may still run.
      if (existsSync(fileOf(scenario.name, 0))) return;
      for (const [run, history] of runs.entries())
        writeFileSync(fileOf(scenario.name, run), `${JSON.stringify(history, null, 1)}\n`);
    },
    60_000,
  );

  test.each(SCENARIOS.map((scenario) => scenario.name))('replays the recorded history "%s"', async (name) => {
    for (const history of kept(name)) await replay(code, history);
  });

  test('is told apart from code that would decide otherwise', async () => {
    await expect(replay(changed, kept('one-dataset')[0])).rejects.toThrow(DeterminismViolationError);
  });

  test('carries references only: no history holds more than a kilobyte a sync', () => {
    for (const { name } of SCENARIOS)
      for (const history of kept(name)) expect(JSON.stringify(history).length).toBeLessThan(200_000);
  });
});

describe('a lane', () => {
  test('never refreshes two syncs of one dataset at once, and takes them in order', async () => {
    const running = new Set<string>();
    const order: LaneReference[] = [];
    let overlapped = 0;
    await withLane(
      {
        address,
        code,
        activities: {
          async refreshDatasets(syncs) {
            for (const sync of syncs) {
              if (running.has(sync.datasetId)) overlapped++;
              running.add(sync.datasetId);
            }
            await new Promise((resolve) => setTimeout(resolve, 20));
            for (const sync of syncs) {
              running.delete(sync.datasetId);
              order.push(sync);
            }
            return { retry: [] };
          },
          recordFailure: async () => undefined,
        },
      },
      async (lane) => {
        for (let n = 1; n <= 10; n++)
          await lane.signal(['a', 'b', 'c'].map((dataset) => landed(dataset, n, n % 3 === 0 ? 9_000_000 : 1_000)));
        await lane.ended();
      },
    );
    expect(overlapped).toBe(0);
    for (const dataset of ['a', 'b', 'c']) {
      const numbers = Array.from({ length: 10 }, (_, i) => `sy_${dataset}_${i + 1}`);
      expect(order.filter((sync) => sync.datasetId === `ds_${dataset}`).map((sync) => sync.sync)).toEqual(numbers);
    }
  }, 60_000);
});
