import { join } from 'node:path';
import { createCity } from '@songhua/city';
import { summarySchema } from '@songhua/contracts';
import { SonghuaError } from '@songhua/domain';
import { down, resolveHome } from '@songhua/infra';
import type { Command } from 'commander';
import { action, EXIT } from '../exit.js';
import { count, printJson } from '../format.js';
import { createProgress } from '../progress.js';
import { demoReport } from '../report.js';
import { syncAll } from '../run-city.js';
import { startStack } from '../stack.js';
import { applyAll } from './apply.js';
import { localApi } from './connection.js';

const SEED = 2301;

/** `demo`: a city's sources to published versions, from nothing. */
export function addDemoCommand(program: Command): void {
  program
    .command('demo')
    .description('build the simulated city and run it to published versions / 演示')
    .option('--scale <n>', 'size of the city; 1 is 3.17 million records', '1')
    .option('--exit', 'stop everything at the end')
    .option('--json', 'one JSON document as the last line of stdout')
    .option('--object-store <name>', 'minio or seaweedfs')
    .action(
      action(async (o: { scale: string; exit?: boolean; json?: boolean; objectStore?: string }) => {
        const scale = Number(o.scale);
        if (!(scale > 0 && scale <= 100))
          throw new SonghuaError(
            'usage.scale',
            `--scale ${o.scale} is not between 0 and 100; 1 is the whole city, 0.02 a quick look`,
            { actor: 'operator' },
          );
        const started = performance.now();
        const progress = createProgress();
        const home = resolveHome();
        const cityDir = join(home, 'city', `scale-${scale}`);

        const city = createCity({ scale, seed: SEED });
        progress.update('city', `writing the sources of ${city.departments.length} departments`);
        await city.write(cityDir, {
          onProgress: ({ files, filesTotal }) =>
            progress.update('city', `${count(files)}/${count(filesTotal)} sources written`),
        });
        const stack = await startStack({
          home,
          progress,
          objectStore: o.objectStore,
          fileRoots: [cityDir],
          city: { dir: cityDir },
        });
        try {
          const api = localApi(home, stack.apiUrl);
          progress.update('register', 'departments, domains, datasets, connectors');
          await applyAll(api, city.resources({ root: cityDir, httpBase: stack.cityUrl }));
          const result = await syncAll(api, { all: true }, progress);
          const summary = await api.get('/api/v1/summary', summarySchema);
          const seconds = (performance.now() - started) / 1000;
          if (o.json) {
            const failed = result.failures.map(({ dataset, code, message }) => ({ dataset, code, message }));
            if (o.exit) await down({ home });
            printJson({ ...summary, seconds: round(seconds), stages: result.stages, failed });
          } else {
            console.log(
              demoReport({ summary, progress: result, seconds, apiUrl: stack.apiUrl, addresses: stack.addresses }),
            );
            if (o.exit) await down({ home });
          }
          return result.failed > 0 ? EXIT.failed : EXIT.done;
        } catch (error) {
          if (o.exit) await down({ home });
          throw error;
        }
      }),
    );
}

const round = (n: number): number => Math.round(n * 100) / 100;
