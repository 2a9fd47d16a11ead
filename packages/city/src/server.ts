import { parseArgs } from 'node:util';
import { serve } from './serve.js';

/**
 * `node server.js --dir DIR [--port N]`, or the same from `SONGHUA_CITY_DIR` and `SONGHUA_HTTP_PORT`: serves until SIGTERM or
 * SIGINT; the first line on stdout is `{"url": …}`.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { dir: { type: 'string' }, port: { type: 'string' } } });
  const dir = values.dir ?? process.env.SONGHUA_CITY_DIR;
  const port = Number(values.port ?? process.env.SONGHUA_HTTP_PORT ?? 0);
  if (dir === undefined || !Number.isInteger(port) || port < 0 || port > 65_535) {
    process.stderr.write('usage: server --dir DIR [--port N], DIR being a folder that the city was written to\n');
    process.exitCode = 2;
    return;
  }
  const server = await serve({ dir, port });
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
