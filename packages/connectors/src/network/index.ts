export { type AgentOptions, createAgent } from './agent.js';
export { connectError, isTlsError } from './errors.js';
export { hostSchema } from './host.js';
export { createNetwork, type NetworkOptions } from './network.js';
export { caSchema, tlsShape } from './tls.js';
