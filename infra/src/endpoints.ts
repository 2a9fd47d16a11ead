import { DEFAULT_BUCKET, namesOf } from '@songhua/contracts';
import { z } from 'zod';
import { SERVICE_NAMES, type ServiceName } from './declared.js';

/** Where the engines of one deployment answer, with what it takes to use them. */
export const endpointsSchema = z.object({
  deployment: z.string().default(''),
  brokers: z.array(z.string()),
  temporalAddress: z.string(),
  temporalNamespace: z.string(),
  temporalUi: z.string().optional(),
  s3: z.object({ endpoint: z.string(), accessKey: z.string(), secretKey: z.string(), bucket: z.string() }),
  /** As the owner of the database: for what is declared, and for tools. */
  databaseUrl: z.string(),
  /** As the role of a service; one that has none connects as the owner. */
  serviceDatabaseUrls: z.partialRecord(z.enum(SERVICE_NAMES), z.string()).default({}),
});
export type Endpoints = z.infer<typeof endpointsSchema>;

/** What endpoints have that does not depend on the deployment. */
export type Engines = Omit<z.input<typeof endpointsSchema>, 'deployment' | 'temporalNamespace'>;

/**
 * The engines as one deployment uses them: its namespace, its database and its roles, with the passwords that the engines' have; the bucket
 * is one for all. Throws `config.invalid`.
 */
export function endpointsOf(deployment: string, engines: Engines): Endpoints {
  const { namespace, database, roles } = namesOf(deployment);
  const { serviceDatabaseUrls: asServices = {} } = engines;
  const at = (url: string, role = {}): string => Object.assign(new URL(url), role, { pathname: `/${database}` }).href;
  return {
    ...engines,
    deployment,
    temporalNamespace: namespace,
    databaseUrl: at(engines.databaseUrl),
    serviceDatabaseUrls: eachService((service) => {
      const url = asServices[service];
      return url && at(url, { username: roles[service] });
    }),
  };
}

/** By service, what `of` says of it, where it says something. */
const eachService = (of: (service: ServiceName) => string | undefined): Partial<Record<ServiceName, string>> =>
  Object.fromEntries(
    SERVICE_NAMES.flatMap((service) => {
      const value = of(service);
      return value ? [[service, value]] : [];
    }),
  );

/** The environment variables by which a service learns of the engines; without one, those of the owner of the database. */
export function endpointEnvironment(endpoints: Endpoints, service?: ServiceName): Record<string, string> {
  return {
    SONGHUA_DEPLOYMENT: endpoints.deployment,
    SONGHUA_KAFKA_BROKERS: endpoints.brokers.join(','),
    SONGHUA_TEMPORAL_ADDRESS: endpoints.temporalAddress,
    SONGHUA_TEMPORAL_NAMESPACE: endpoints.temporalNamespace,
    SONGHUA_S3_ENDPOINT: endpoints.s3.endpoint,
    SONGHUA_S3_ACCESS_KEY: endpoints.s3.accessKey,
    SONGHUA_S3_SECRET_KEY: endpoints.s3.secretKey,
    SONGHUA_S3_BUCKET: endpoints.s3.bucket,
    SONGHUA_DATABASE_URL: (service && endpoints.serviceDatabaseUrls[service]) ?? endpoints.databaseUrl,
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
    serviceDatabaseUrls: eachService((service) => environment[`SONGHUA_${service.toUpperCase()}_DATABASE_URL`]),
  });
}
