export * from './declared.js';
export * from './endpoints.js';
export { type RunningEngines, type StartEnginesOptions, startEngines } from './engines/start.js';
export { ENGINE_NAMES, type EngineName, type ObjectStoreKind } from './engines/types.js';
export { resolveHome } from './home.js';
export type { OnProgress, Phase, Progress } from './progress.js';
