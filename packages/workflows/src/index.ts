export { takeGroup } from './group.js';
export { refreshLane, refreshSignal } from './refresh-lane.js';
