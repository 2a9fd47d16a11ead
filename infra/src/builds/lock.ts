import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { infraError } from '../errors.js';

export const BUILD_NAMES = [
  'kafka',
  'java',
  'temporal',
  'temporal-test-server',
  'minio',
  'seaweedfs',
  'postgres',
] as const;
export type BuildName = (typeof BUILD_NAMES)[number];

const artifactSchema = z.object({
  /** As its registry's client names it. */
  name: z.string(),
  version: z.string(),
  /** File name as the client leaves it. */
  file: z.string().regex(/^[\w.+-]+$/),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
export type Artifact = z.infer<typeof artifactSchema>;

const lockSchema = z.object({
  format: z.literal(1),
  builds: z.array(
    z.object({
      name: z.enum(BUILD_NAMES),
      version: z.string(),
      /** `go` builds from source: its checksums are in `minio/go.sum`, which Go verifies. */
      client: z.enum(['maven', 'pip', 'npm', 'go']),
      /** By `<os>-<cpu>` as Node names them, or `any`. */
      platforms: z.record(z.string(), z.array(artifactSchema)),
    }),
  ),
});
export type EngineLock = z.infer<typeof lockSchema>;

export interface Build {
  name: BuildName;
  version: string;
  client: 'maven' | 'pip' | 'npm' | 'go';
  artifacts: Artifact[];
}

/** This folder's parent's parent is the package in `src/` as in `dist/`. */
export const INFRA_FOLDER = join(__dirname, '..', '..');
export const LOCK_FILE = join(INFRA_FOLDER, 'engines.lock.json');
export const PLATFORM = `${process.platform}-${process.arch}`;

/** The lock file, checked. */
export function readLock(path = LOCK_FILE): EngineLock {
  const parsed = lockSchema.safeParse(JSON.parse(readFileSync(path, 'utf8')));
  if (parsed.success) return parsed.data;
  throw infraError('engine.lock-invalid', `${path} is not a valid engine lock: ${z.prettifyError(parsed.error)}`);
}

/** What the lock holds for one build on this platform; throws `engine.unsupported` when nothing. */
export function buildOf(lock: EngineLock, name: BuildName, platform = PLATFORM): Build {
  const entry = lock.builds.find((build) => build.name === name);
  const artifacts = entry?.platforms[platform] ?? entry?.platforms.any;
  if (entry && artifacts) return { name, version: entry.version, client: entry.client, artifacts };
  throw infraError(
    'engine.unsupported',
    `engines.lock.json has no ${name} for ${platform}: use a Docker engine, or point SONGHUA at existing engines`,
  );
}
