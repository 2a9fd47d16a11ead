// Kills processes of a whole system at random, under load, for as long as told:
//   node tests/faults/campaign.mjs --kills 1000 [--seed N]
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { kills: { type: 'string', default: '1000' }, seed: { type: 'string' } } });
for (const [name, value] of Object.entries(values))
  if (!/^\d+$/.test(value)) throw new Error(`--${name} is a whole number, not ${value}`);

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const jest = createRequire(import.meta.url).resolve('jest/bin/jest');
const ended = spawnSync(
  process.execPath,
  [jest, '--config', join(root, 'jest.config.cjs'), 'tests/faults/campaign.test.ts'],
  {
    cwd: root,
    stdio: 'inherit',
    env: {
      ...process.env,
      SONGHUA_CAMPAIGN_KILLS: values.kills,
      ...(values.seed && { SONGHUA_CAMPAIGN_SEED: values.seed }),
    },
  },
);
process.exitCode = ended.status ?? 1;
