import { DEPLOYMENT_NAME, SonghuaError } from '@songhua/domain';
import { KEY_FOLDERS } from './landing.js';

/** What one deployment calls its own in engines that it may share with others. */
export interface Names {
  /** Empty where there is only one. */
  deployment: string;
  topics: { records: string; deadRecords: string; versions: string };
  /** Of the consumers of `topics.records`. */
  landingGroup: string;
  namespace: string;
  taskQueue: string;
  laneWorkflowId(lane: number, lanes: number): string;
  forecastWorkflowId(id: string): string;
  /** Before every key in the bucket: empty, or a folder with its slash. Keys in manifests and catalog are without it. */
  bucketPrefix: string;
  database: string;
  /** Of the database server, by service. */
  roles: { connector: string; landing: string; refresh: string; catalog: string };
  /** CloudEvents `source` of what is announced. */
  eventSource: string;
}

// The other names of the default deployment are these with nothing before them; users rely on them.
const RECORDS = 'songhua.records.';
const DATABASE = 'songhua';

/**
 * All names of a deployment, and the only place where they are made; two deployments have none in common. The empty one has the
 * names of the contract. Throws `config.invalid` where the name cannot be one.
 */
export function namesOf(deployment: string): Names {
  if (!DEPLOYMENT_NAME.test(deployment) || KEY_FOLDERS.includes(deployment))
    throw new SonghuaError(
      'config.invalid',
      `SONGHUA_DEPLOYMENT ${JSON.stringify(deployment.slice(0, 100))} cannot name a deployment: use a letter, then up to 30 of a-z, 0-9 and hyphens, and none of ${KEY_FOLDERS.join(', ')}`,
      { actor: 'operator' },
    );
  const before = (mark: string): string => (deployment === '' ? '' : `${deployment}${mark}`);
  // Hyphens would have to be quoted in SQL; no deployment has an underscore, so two stay two.
  const sql = deployment.replaceAll('-', '_');
  const role = (service: string): string => `${sql === '' ? '' : `${sql}_`}songhua_${service}`;
  return {
    deployment,
    topics: {
      records: `${before('.')}${RECORDS}v1`,
      deadRecords: `${before('.')}${RECORDS}dead.v1`,
      versions: `${before('.')}songhua.versions.v1`,
    },
    landingGroup: `${before('.')}songhua-landing`,
    namespace: `${before('-')}songhua`,
    taskQueue: `${before('-')}refresh`,
    laneWorkflowId: (lane, lanes) => `${before('-')}refresh-lane-${lane}-of-${lanes}`,
    forecastWorkflowId: (id) => `${before('-')}forecast-${id}`,
    bucketPrefix: before('/'),
    database: sql === '' ? DATABASE : `${DATABASE}_${sql}`,
    roles: {
      connector: role('connector'),
      landing: role('landing'),
      refresh: role('refresh'),
      catalog: role('catalog'),
    },
    eventSource: `/songhua/${before('/')}catalog`,
  };
}

/** Whether a topic is one of any deployment's records, which hold what departments sent before it was screened. */
export function holdsRecords(topic: string): boolean {
  const [first = '', ...rest] = topic.split('.');
  return topic.startsWith(RECORDS) || (DEPLOYMENT_NAME.test(first) && rest.join('.').startsWith(RECORDS));
}
