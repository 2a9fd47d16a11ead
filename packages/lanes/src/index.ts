export { connectLanes, type Lanes } from './lanes.js';
