import { parseArgs } from 'node:util';
import { serve } from './serve.js';

/**
 * `node server.js --dir DIR [--port N] [--drip-seconds N]`, or the same from `SONGHUA_CITY_DIR`, `SONGHUA_HTTP_PORT` and
 * `SONGHUA_CITY_DRIP_SECONDS`: serves until SIGTERM or SIGINT; the first line on stdout is `{"url": …}`.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { dir: { type: 'string' }, port: { type: 'string' }, 'drip-seconds': { type: 'string' } },
  });
  const dir = values.dir ?? process.env.SONGHUA_CITY_DIR;
  const port = Number(values.port ?? process.env.SONGHUA_HTTP_PORT ?? 0);
  const drip = values['drip-seconds'] ?? process.env.SONGHUA_CITY_DRIP_SECONDS;
  const dripSeconds = drip === undefined ? undefined : Number(drip);
  const wrongPort = !Number.isInteger(port) || port < 0 || port > 65_535;
  const wrongDrip = dripSeconds !== undefined && !(dripSeconds > 0 && dripSeconds < Infinity);
  if (dir === undefined || wrongPort || wrongDrip) {
    process.stderr.write(
      'usage: server --dir DIR [--port N] [--drip-seconds N], DIR being a folder that the city was written to\n',
    );
    process.exitCode = 2;
    return;
  }
  const server = await serve({ dir, port, dripSeconds });
  process.stdout.write(`${JSON.stringify({ url: server.url })}\n`);
  const stop = (): void => {
    server.close().catch((error: unknown) => {
      process.stderr.write(`${String(error)}\n`);
      process.exitCode = 1;
    });
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

main().catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exitCode = 1;
});
