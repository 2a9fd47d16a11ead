import { createRequire } from 'node:module';
import { join } from 'node:path';
import { sourceError } from '@songhua/connector-sdk';
import { codeOf } from '@songhua/domain';

/**
 * A driver that the city installs itself, because its licence or its binaries do not let it come along: from `folder` (that has a
 * `node_modules`), else as any module of this process, `NODE_PATH` included. Throws `connector.driver-missing`.
 */
export function loadDriver(name: string, product: string, folder: string | undefined): unknown {
  try {
    return createRequire(folder === undefined ? __filename : join(folder, 'package.json'))(name);
  } catch (error) {
    if (codeOf(error) !== 'MODULE_NOT_FOUND') throw error;
    const where = folder ?? 'a folder of your choice';
    throw sourceError(
      'connector.driver-missing',
      `the driver of ${product} is not installed for the connector service: run \`npm install --prefix ${where} ${name}\` on its machine${folder === undefined ? ', name that folder in SONGHUA_DRIVERS_DIR' : ''} and start the service again`,
      { cause: error, details: { driver: name } },
    );
  }
}
