export { connectLanes, type Lanes } from './lanes.js';
export { deleteNamespace, ensureNamespace } from './namespace.js';
