import { DEPLOYMENT_NAME, SonghuaError } from '@songhua/domain';
import { z } from 'zod';

/** Environment variables by section; a service parses only the sections that it uses. */
export const sections = {
  /** Which of several deployments that share engines this is; their names there follow from it. */
  deployment: z.object({
    SONGHUA_DEPLOYMENT: z
      .string()
      .regex(DEPLOYMENT_NAME, 'expected a letter, then up to 30 of a-z, 0-9 and hyphens')
      .default(''),
  }),
  http: z.object({
    SONGHUA_HTTP_HOST: z.string().default('127.0.0.1'),
    SONGHUA_HTTP_PORT: z.coerce.number().int().min(0).max(65_535).default(0),
  }),
  kafka: z.object({ SONGHUA_KAFKA_BROKERS: z.string().transform((s) => s.split(',').map((b) => b.trim())) }),
  temporal: z.object({
    SONGHUA_TEMPORAL_ADDRESS: z.string(),
    /** Unset: the deployment's own. */
    SONGHUA_TEMPORAL_NAMESPACE: z
      .string()
      .optional()
      .transform((name) => name || undefined),
  }),
  objectStore: z.object({
    SONGHUA_S3_ENDPOINT: z.url(),
    SONGHUA_S3_ACCESS_KEY: z.string(),
    SONGHUA_S3_SECRET_KEY: z.string(),
    SONGHUA_S3_BUCKET: z.string().default('songhua'),
  }),
  database: z.object({ SONGHUA_DATABASE_URL: z.string() }),
  files: z.object({ SONGHUA_TEMP_DIR: z.string() }),
  /** Opens the services' HTTP to each other; at least 256 bits, the same for all of them. */
  internal: z.object({ SONGHUA_INTERNAL_TOKEN: z.string().min(43) }),
  // Few enough that a bulk load groups well, enough that a slow dataset delays only one in sixteen.
  lanes: z.object({ SONGHUA_REFRESH_LANES: z.coerce.number().int().min(1).max(1024).default(16) }),
};

/**
 * Parses the environment once into a typed object. Throws `config.invalid` naming every missing or wrong variable at once,
 * never its value, because some are secrets.
 */
export function loadConfig<S extends z.ZodRawShape>(
  schema: z.ZodObject<S>,
  env: NodeJS.ProcessEnv = process.env,
): z.infer<z.ZodObject<S>> {
  const parsed = schema.safeParse(env);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new SonghuaError('config.invalid', `environment: ${problems.join('; ')}; set these variables and start again`, {
    actor: 'operator',
  });
}
