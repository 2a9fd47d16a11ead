import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { down, resolveHome } from '@songhua/infra';
import type { Command } from 'commander';
import { changeOneRow, readEstate } from '../estate.js';
import { action, EXIT } from '../exit.js';
import { bytes, count, printJson, seconds, table } from '../format.js';
import { watchMemory } from '../memory.js';
import { createProgress } from '../progress.js';
import { syncAll } from '../run-city.js';
import { startStack } from '../stack.js';
import { applyAll } from './apply.js';
import { localApi } from './connection.js';

/** `bench estate`: any folder of CSV files through the whole running system, on an empty state of its own. */
export function addBenchCommand(program: Command): void {
  program
    .command('bench')
    .description('measure / 基准测试')
    .command('estate')
    .description('each CSV file in DIR becomes a dataset: cold, no change, one change')
    .requiredOption('--dir <path>')
    .option('--json')
    .option('--object-store <name>', 'minio or seaweedfs')
    .action(
      action(async (o: { dir: string; json?: boolean; objectStore?: string }) => {
        const progress = createProgress();
        const home = join(resolveHome(), 'bench');
        const copies = join(home, 'copies');
        await down({ home, wipe: true });
        await rm(home, { recursive: true, force: true });
        const estate = await readEstate(o.dir, copies);
        const stack = await startStack({
          home,
          progress,
          objectStore: o.objectStore,
          fileRoots: [resolve(o.dir), copies],
        });
        try {
          const api = localApi(home, stack.apiUrl);
          progress.update('register', `${count(estate.files)} datasets, ${bytes(estate.bytes)}`);
          await applyAll(api, estate.resources);
          const memory = watchMemory(() => [...stack.processes(), { name: 'cli', pid: process.pid, node: true }]);
          const cold = await syncAll(api, { all: true }, progress);
          const noChange = await syncAll(api, { all: true }, progress);
          await changeOneRow(estate.changing.path);
          const oneChange = await syncAll(api, { connectors: [estate.changing.connector] }, progress);
          const { peaks: memoryMb, nodeTogether } = await memory.stop();
          const document = {
            datasets: estate.files,
            rows: cold.rows,
            cold: {
              seconds: round(cold.seconds),
              rowsPerSecond: Math.round(cold.rows / cold.seconds),
              stages: cold.stages,
            },
            noChange: { seconds: round(noChange.seconds) },
            oneChange: { seconds: round(oneChange.seconds) },
            memoryMb,
            nodeMemoryMb: nodeTogether,
            outcomes: {
              cold: { published: cold.published, held: cold.held, failed: cold.failed, rejected: cold.rejected },
              noChange: { unchanged: noChange.unchanged },
              oneChange: { published: oneChange.published },
            },
            failed: cold.failures.map(({ dataset, code, message }) => ({ dataset, code, message })),
          };
          if (o.json) printJson(document);
          else {
            console.log(
              table(
                ['', 'seconds', ''],
                [
                  [
                    'cold',
                    seconds(cold.seconds),
                    `${count(cold.rows)} rows, ${count(document.cold.rowsPerSecond)} rows/s, ${count(cold.published)} published, ${cold.failed + cold.held} not`,
                  ],
                  ['no change', seconds(noChange.seconds), `${count(noChange.unchanged)} checked, unchanged`],
                  [
                    'one change',
                    seconds(oneChange.seconds),
                    `${count(oneChange.rows)} rows, ${oneChange.published} published`,
                  ],
                ],
              ),
            );
            console.log(
              table(
                ['stage ends after', 's'],
                Object.entries(cold.stages).map(([k, v]) => [k, v.toFixed(2)]),
              ),
            );
            console.log(
              table(
                ['process', 'peak MB'],
                [...Object.entries(memoryMb), ['all Node processes at one moment', nodeTogether]],
              ),
            );
            for (const failure of document.failed)
              console.log(`${failure.dataset}: ${failure.code}: ${failure.message}`);
          }
          return cold.failed + cold.held > 0 || noChange.unchanged !== estate.files || oneChange.published !== 1
            ? EXIT.failed
            : EXIT.done;
        } finally {
          await down({ home, wipe: true });
          await rm(home, { recursive: true, force: true });
        }
      }),
    );
}

const round = (n: number): number => Math.round(n * 100) / 100;
