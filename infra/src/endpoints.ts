import { DEFAULT_BUCKET, namesOf } from '@songhua/contracts';
import { z } from 'zod';

/** Where the engines of one deployment answer, with what it takes to use them. */
export const endpointsSchema = z.object({
  deployment: z.string().default(''),
  brokers: z.array(z.string()),
  temporalAddress: z.string(),
  temporalNamespace: z.string(),
  temporalUi: z.string().optional(),
  s3: z.object({ endpoint: z.string(), accessKey: z.string(), secretKey: z.string(), bucket: z.string() }),
  databaseUrl: z.string(),
});
export type Endpoints = z.infer<typeof endpointsSchema>;

/** What endpoints have that does not depend on the deployment. */
export type Engines = Omit<Endpoints, 'deployment' | 'temporalNamespace'>;

/** The engines as one deployment uses them: its namespace, its database; the bucket is one for all. Throws `config.invalid`. */
export function endpointsOf(deployment: string, engines: Engines): Endpoints {
  const { namespace, database } = namesOf(deployment);
  const url = new URL(engines.databaseUrl);
  url.pathname = `/${database}`;
  return { ...engines, deployment, temporalNamespace: namespace, databaseUrl: url.href };
}

/** The environment variables by which every service learns of the engines. */
export function endpointEnvironment(endpoints: Endpoints): Record<string, string> {
  return {
    SONGHUA_DEPLOYMENT: endpoints.deployment,
    SONGHUA_KAFKA_BROKERS: endpoints.brokers.join(','),
    SONGHUA_TEMPORAL_ADDRESS: endpoints.temporalAddress,
    SONGHUA_TEMPORAL_NAMESPACE: endpoints.temporalNamespace,
    SONGHUA_S3_ENDPOINT: endpoints.s3.endpoint,
    SONGHUA_S3_ACCESS_KEY: endpoints.s3.accessKey,
    SONGHUA_S3_SECRET_KEY: endpoints.s3.secretKey,
    SONGHUA_S3_BUCKET: endpoints.s3.bucket,
    SONGHUA_DATABASE_URL: endpoints.databaseUrl,
  };
}

/** The same, read back: for a cluster, where the engines are somebody else's. Throws a ZodError that names what is missing. */
export function endpointsFromEnvironment(environment: NodeJS.ProcessEnv): Endpoints {
  const deployment = environment.SONGHUA_DEPLOYMENT ?? '';
  return endpointsSchema.parse({
    deployment,
    brokers: environment.SONGHUA_KAFKA_BROKERS?.split(','),
    temporalAddress: environment.SONGHUA_TEMPORAL_ADDRESS,
    temporalNamespace: environment.SONGHUA_TEMPORAL_NAMESPACE || namesOf(deployment).namespace,
    s3: {
      endpoint: environment.SONGHUA_S3_ENDPOINT,
      accessKey: environment.SONGHUA_S3_ACCESS_KEY,
      secretKey: environment.SONGHUA_S3_SECRET_KEY,
      bucket: environment.SONGHUA_S3_BUCKET || DEFAULT_BUCKET,
    },
    databaseUrl: environment.SONGHUA_DATABASE_URL,
  });
}
