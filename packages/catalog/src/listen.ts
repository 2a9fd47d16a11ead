import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';

const RECONNECT_MS = 1000;

/**
 * Calls `wake` on every notification of `channel`, and once after each (re)connect, because notifications are lost while away.
 * Only a hint: callers must also look from time to time. Returns a function that stops listening.
 */
export function listen(databaseUrl: string, channel: string, wake: () => void): () => Promise<void> {
  const stop = new AbortController();
  let current: pg.Client | undefined;

  const session = async (): Promise<void> => {
    const client = new pg.Client({ connectionString: databaseUrl, keepAlive: true, connectionTimeoutMillis: 10_000 });
    const ended = new Promise<void>((resolve) => {
      client.on('error', () => resolve());
      client.on('end', () => resolve());
    });
    try {
      await client.connect();
      if (stop.signal.aborted) return;
      current = client;
      client.on('notification', () => wake());
      await client.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
      wake();
      await ended;
    } finally {
      current = undefined;
      await client.end().catch(() => undefined);
    }
  };

  const sessions = (async () => {
    while (!stop.signal.aborted) {
      await session().catch(() => undefined);
      await delay(RECONNECT_MS, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  })();

  return async () => {
    stop.abort();
    await current?.end().catch(() => undefined);
    await sessions;
  };
}
