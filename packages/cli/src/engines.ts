import { SonghuaError } from '@songhua/domain';
import { type Endpoints, endpointsFromEnvironment, readEndpoints, resolveHome } from '@songhua/infra';
import { ZodError } from 'zod';

/**
 * Where the engines are: the environment's when it names a database, as every service of a cluster has it; otherwise those of this
 * checkout (or `$SONGHUA_HOME`). Throws `config.invalid` and `usage.not-running`.
 */
export function engineEndpoints(): Endpoints {
  if (process.env.SONGHUA_DATABASE_URL) {
    try {
      return endpointsFromEnvironment(process.env);
    } catch (error) {
      if (!(error instanceof ZodError)) throw error;
      throw new SonghuaError(
        'config.invalid',
        `SONGHUA_DATABASE_URL is set, so the engines are those of the environment, where ${error.issues.map((issue) => issue.path.join('.')).join(', ')} is missing or wrong; set the variables that the services have`,
        { actor: 'operator' },
      );
    }
  }
  const endpoints = readEndpoints(resolveHome());
  if (endpoints) return endpoints;
  throw new SonghuaError(
    'usage.not-running',
    'no engines are known here: start them with "songhua up", or set SONGHUA_DATABASE_URL and the other variables that the services have',
    { actor: 'operator' },
  );
}
