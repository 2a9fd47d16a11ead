import { parseArgs } from 'node:util';
import { startEngines } from './engines/start.js';
import type { ObjectStoreKind } from './engines/types.js';
import { openHome, resolveHome } from './home.js';
import { reapProcesses } from './process/registry.js';

/** `node dist/dev-main.js [--home DIR] [--object-store minio|seaweedfs] up|down`: engines alone, for work on a service. */
async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { home: { type: 'string' }, 'object-store': { type: 'string' } },
  });
  const home = openHome(resolveHome(values.home));
  if (positionals[0] === 'down') {
    process.stdout.write(`${JSON.stringify({ stopped: await reapProcesses(home) })}\n`);
    return;
  }
  if (positionals[0] !== 'up') {
    process.stderr.write('usage: dev-main [--home DIR] [--object-store minio|seaweedfs] up|down\n');
    process.exitCode = 2;
    return;
  }
  const running = await startEngines({
    home: home.root,
    temporalUi: true,
    ...(values['object-store'] ? { objectStore: values['object-store'] as ObjectStoreKind } : {}),
    onProgress: ({ name, phase, detail, seconds }) =>
      process.stderr.write(`${seconds.toFixed(1).padStart(6)} s  ${name} ${phase}${detail ? ` ${detail}` : ''}\n`),
  });
  process.stdout.write(`${JSON.stringify({ ...running.endpoints, pids: running.pids }, null, 2)}\n`);
  // The engines stay: they are told apart from other processes by what was recorded, not by being children.
  process.exit(0);
}

void main();
