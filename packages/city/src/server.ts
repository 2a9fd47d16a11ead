import { parseArgs } from 'node:util';
import { serve } from './serve.js';

/** `node server.js --dir DIR [--port N]`: serves until SIGTERM or SIGINT; the first line on stdout is `{"url": …}`. */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { dir: { type: 'string' }, port: { type: 'string', default: '0' } } });
  const port = Number(values.port);
  if (values.dir === undefined || !Number.isInteger(port) || port < 0 || port > 65_535) {
    process.stderr.write('usage: server --dir DIR [--port N], DIR being a folder that the city was written to\n');
    process.exitCode = 2;
    return;
  }
  const server = await serve({ dir: values.dir, port });
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
