import type { Manifest, VersionEvent } from '@songhua/contracts';
import { deriveId, SonghuaError } from '@songhua/domain';
import { announcementOf } from './announcement.js';
import type { Database } from './database.js';
import type { RefreshContext, RefreshRepository } from './refresh-types.js';

const publishedEvent = (manifest: Manifest, manifestKey: string, source: string): VersionEvent =>
  announcementOf(source, {
    datasetId: manifest.datasetId,
    dataset: manifest.dataset,
    version: manifest.version,
    identity: manifest.identity,
    rows: manifest.rows,
    changes: manifest.changes,
    manifestKey,
    sync: manifest.source.sync,
    traceparent: manifest.traceparent,
    at: new Date(),
  });

// Each with the end of a replay in one statement, so in one transaction; a select list is evaluated in order.
const PUBLISH = 'SELECT refresh_publish($1::jsonb, $2, $3::jsonb, $4::jsonb, $5::jsonb, $6) AS result';
const FINISH = 'SELECT refresh_finish($1, $2, $3::jsonb, $4::jsonb)';

export function createRefreshRepository(database: Database, eventSource: string): RefreshRepository {
  const { query } = database;
  return {
    async begin({ sync, attempt }) {
      const [row] = await query<{ context: RefreshContext & { handled: RefreshContext['handled'] | null } }>(
        'refresh_begin',
        'SELECT refresh_begin($1, $2) AS context',
        [sync, attempt],
      );
      if (!row) throw new SonghuaError('catalog.query', 'the catalog did not answer; report this as a defect');
      const { handled, ...context } = row.context;
      return handled ? { ...context, handled } : context;
    },

    async context(sync) {
      const [row] = await query<{ context: RefreshContext | null }>(
        'refresh_context',
        'SELECT refresh_context($1) AS context',
        [sync],
      );
      return row?.context ?? undefined;
    },

    async publish(manifest, manifestKey, rejected, { stages, replayed, rules } = {}) {
      const values = [
        JSON.stringify(manifest),
        manifestKey,
        JSON.stringify(rejected),
        JSON.stringify(publishedEvent(manifest, manifestKey, eventSource)),
        JSON.stringify(stages ?? null),
        rules ?? null,
      ];
      const [row] = await query<{ result: 'committed' | 'already' }>(
        replayed ? 'refresh_publish_replay' : 'refresh_publish',
        replayed ? `${PUBLISH}, quarantine_replay_end($7, $8::jsonb)` : PUBLISH,
        replayed ? [...values, manifest.source.sync, JSON.stringify(replayed)] : values,
      );
      return row?.result ?? 'committed';
    },

    async finish({ sync, attempt }, outcome, effects) {
      if (outcome.state === 'published')
        throw new SonghuaError('refresh.unpublished', `sync ${sync} can only be published by its manifest`);
      const { replayed, ...others } = effects;
      const values = [sync, attempt, JSON.stringify(outcome), JSON.stringify({ cursor: null, ...others })];
      await query(
        replayed ? 'refresh_finish_replay' : 'refresh_finish',
        replayed ? `${FINISH}, quarantine_replay_end($1, $5::jsonb)` : FINISH,
        replayed ? [...values, JSON.stringify(replayed)] : values,
      );
    },

    async reread({ sync, attempt }) {
      const id = deriveId('sy', sync, 'read');
      await query('rules_reread', 'SELECT rules_reread($1, $2, $3)', [sync, attempt, id]);
      return id;
    },

    async touch(works) {
      await query('refresh_touch', 'SELECT refresh_touch($1::jsonb)', [JSON.stringify(works)]);
    },
  };
}
