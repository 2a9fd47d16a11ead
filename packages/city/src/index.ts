export * from './city.js';
export type { Fault } from './faults.js';
export type { SourceAddresses } from './resources.js';
export * from './serve.js';
export type { Shape } from './shapes.js';
export { CITY_RECORDS } from './sizes.js';
export type {
  BadRowClass,
  Changes,
  ConnectorResource,
  DatasetResource,
  DatasetTruth,
  DepartmentResource,
  DomainResource,
  RejectedTruth,
  SourceState,
  Totals,
} from './types.js';
export type { WriteOptions, WriteProgress, WriteResult } from './write.js';
