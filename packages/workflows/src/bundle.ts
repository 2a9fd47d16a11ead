/** The root of the workflow bundle: exports every workflow and nothing else. */
export { refreshLane } from './refresh-lane.js';
