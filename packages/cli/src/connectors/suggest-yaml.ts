import { type ConnectorResource, type Resource, resourceSchema } from '@songhua/contracts';
import { type Frequency, isName, SonghuaError } from '@songhua/domain';
import type { Stream } from './answers.js';

type DatasetResource = Extract<Resource, { kind: 'Dataset' }>;

export interface Wishes {
  /** What is known already; the connector's own secrets never are in the documents. */
  connector: ConnectorResource;
  dataset?: DatasetResource | undefined;
  department?: string | undefined;
  domain?: string | undefined;
}

// At night, when departments' systems have time.
const CRON: Partial<Record<Frequency, string>> = {
  '1MIN': '* * * * *',
  '5MIN': '*/5 * * * *',
  '10MIN': '*/10 * * * *',
  '15MIN': '*/15 * * * *',
  '30MIN': '*/30 * * * *',
  CONT: '*/10 * * * *',
  UPDATE_CONT: '*/10 * * * *',
  HOURLY: '10 * * * *',
  BIHOURLY: '10 */2 * * *',
  TRIHOURLY: '10 */3 * * *',
  '12HRS': '0 3,15 * * *',
  DAILY_2: '0 3,15 * * *',
  WEEKLY_5: '0 3 * * 1-5',
  WEEKLY_3: '0 3 * * 1,3,5',
  WEEKLY_2: '0 3 * * 1,4',
  WEEKLY: '0 3 * * 1',
  MONTHLY_3: '0 3 1,11,21 * *',
  MONTHLY_2: '0 3 1,15 * *',
  BIWEEKLY: '0 3 1,15 * *',
  MONTHLY: '0 3 1 * *',
  BIMONTHLY: '0 3 1 */2 *',
  QUARTERLY: '0 3 1 1,4,7,10 *',
  ANNUAL_3: '0 3 1 1,5,9 *',
  ANNUAL_2: '0 3 1 1,7 *',
  ANNUAL: '0 3 1 1 *',
};
const EVERY_NIGHT = '0 3 * * *';

/** A Dataset and a Connector for each stream, ready to apply. Throws `usage.discover` when department or domain is not known. */
export function suggestedResources(streams: Stream[], wishes: Wishes): Resource[] {
  const { connector } = wishes;
  const department = wishes.department ?? wishes.dataset?.spec.department;
  const domain = wishes.domain ?? wishes.dataset?.spec.domain;
  if (!department || !domain)
    throw new SonghuaError(
      'usage.discover',
      'say whose dataset it is and of which domain: --department NAME --domain NAME',
      { actor: 'operator' },
    );
  return streams.flatMap((stream, index) => {
    const alone = streams.length === 1;
    const dataset = alone ? connector.spec.dataset : nameOf(stream.name, `${connector.spec.dataset}-${index + 1}`);
    const { key, mode, frequency } = stream.suggested;
    const types = stream.columns.filter(({ type }) => type !== null);
    const documents: unknown[] = [
      {
        apiVersion: 'songhua/v1',
        kind: 'Dataset',
        metadata: { name: dataset },
        spec: {
          title: (alone && wishes.dataset?.spec.title) || stream.name,
          department,
          domain,
          frequency,
          primaryKey: key,
          ...(types.length > 0 && { columns: types.map(({ name, type }) => ({ name, type })) }),
        },
      },
      {
        apiVersion: 'songhua/v1',
        kind: 'Connector',
        metadata: { name: alone ? connector.metadata.name : nameOf(`${dataset}-${connector.spec.kind}`, dataset) },
        spec: {
          dataset,
          kind: connector.spec.kind,
          mode,
          config: stream.config,
          schedule: { cron: CRON[frequency] ?? EVERY_NIGHT },
          secrets: secretsOf(connector),
        },
      },
    ];
    return documents.map((document) => resourceSchema.parse(document));
  });
}

const secretsOf = ({ spec }: ConnectorResource) =>
  Object.fromEntries(
    Object.entries(spec.secrets).map(([name, reference]) => [
      name,
      'value' in reference ? { stored: true } : reference,
    ]),
  );

/** `public.录取 Scores_2026` → `public-scores-2026`; `otherwise` when nothing is left. */
function nameOf(text: string, otherwise: string): string {
  const name = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 100)
    .replace(/^-+|-+$/g, '');
  return isName(name) ? name : otherwise;
}
