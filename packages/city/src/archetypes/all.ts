import { administration } from './administration.js';
import { measurements } from './measurements.js';
import { registers } from './registers.js';
import { statistics } from './statistics.js';

export const archetypes = { ...registers, ...administration, ...measurements, ...statistics };
export type ArchetypeName = keyof typeof archetypes;
