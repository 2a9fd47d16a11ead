import { SonghuaError } from '@songhua/domain';
import pg from 'pg';
import { databaseError } from './errors.js';

/** Runs `work` on a connection of its own. Throws SonghuaError. */
export async function connected<T>(databaseUrl: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 10_000, keepAlive: true });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await work(client);
  } catch (error) {
    if (error instanceof SonghuaError) throw error;
    throw databaseError((error as { cause?: unknown }).cause ?? error);
  } finally {
    await client.end();
  }
}
