export { createPushConnector, type PushConfig } from './push.js';
