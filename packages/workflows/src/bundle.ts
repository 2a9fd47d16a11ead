/** The root of the workflow bundle: exports every workflow and nothing else. */
export { forecast } from './forecast.js';
export { refreshLane } from './refresh-lane.js';
