import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Connector } from '@songhua/connector-sdk';
import { testConnector } from '@songhua/connector-sdk/conformance';
import { createFileConnector, createNetwork } from '../src/index.js';
import { testSoftDelete } from './soft-delete-suite.js';

const fixture = async () => {
  const root = await mkdtemp(join(tmpdir(), 'songhua-file-'));
  const path = join(root, 'source.csv');
  return {
    connector: createFileConnector({ roots: [root] }) as Connector,
    config: { path: 'source.csv' },
    network: createNetwork({ allowed: [] }),
    write: (csv: string) => writeFile(path, csv),
    remove: () => rm(path),
    close: () => rm(root, { recursive: true, force: true }),
  };
};
testConnector(fixture);
testSoftDelete(fixture);
