import type { Connector } from '@songhua/connector-sdk';
import { createCkanConnector } from './ckan/index.js';
import { createDriverConnectors } from './driver/index.js';
import { createFileConnector } from './file/index.js';
import { createHttpConnector } from './http/index.js';
import { createKafkaConnector } from './kafka/index.js';
import { createMysqlConnector } from './mysql/index.js';
import { createPostgresConnector } from './postgres/index.js';
import { createPushConnector } from './push/index.js';
import { createS3Connector } from './s3/index.js';
import { createSftpConnector } from './sftp/index.js';
import { createSqliteConnector } from './sqlite/index.js';

export interface ConnectorKindsOptions {
  /** Absolute folders that the kinds `file` and `sqlite` may read; as `department=/folder` for the connectors of one department only. */
  fileRoots: string[];
  /** Folder with the `node_modules` of drivers that the city installed; else they are found as any module of the process. */
  driverFolder?: string | undefined;
}

export interface ConnectorKinds {
  list(): Connector[];
  get(kind: string): Connector | undefined;
  close(): Promise<void>;
}

/** The registry of kinds; adding a kind is adding a folder and a line here. */
export function connectorKinds(options: ConnectorKindsOptions): ConnectorKinds {
  const http = createHttpConnector();
  const kinds = new Map<string, Connector>();
  const roots = options.fileRoots;
  const all = [
    createFileConnector({ roots }),
    http,
    createSftpConnector(),
    createS3Connector(),
    createPostgresConnector(),
    createMysqlConnector(),
    createSqliteConnector({ roots }),
    ...createDriverConnectors({ folder: options.driverFolder }),
    createKafkaConnector(),
    createPushConnector(),
    createCkanConnector(),
  ];
  for (const kind of all) kinds.set(kind.kind, kind as Connector);
  return { list: () => [...kinds.values()], get: (kind) => kinds.get(kind), close: () => http.close() };
}
