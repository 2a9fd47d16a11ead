/** What a deployment may be called: short enough for every engine's names, of signs that all of them take. Empty: the only one. */
export const DEPLOYMENT_NAME = /^([a-z][a-z0-9-]{0,30})?$/;
