import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { SonghuaError } from '@songhua/domain';
import { defaultServices, type ObjectStoreKind, type ServicePlan, type StackState, status, up } from '@songhua/infra';
import { z } from 'zod';
import { ensureDevIssuer } from './dev-issuer.js';
import type { Progress } from './progress.js';

export interface StackOptions {
  home: string;
  progress: Progress;
  objectStore?: string | undefined;
  /** Folders that `file` connectors may read. */
  fileRoots?: string[];
  /** Accept tokens that `songhua token issue` signs; as at the last start when undefined. */
  devIssuer?: boolean | undefined;
  /** The simulated departments' web server, beside the services. */
  city?: { dir: string };
}

export interface Stack {
  apiUrl: string;
  cityUrl: string;
  /** What a person can open, by name. */
  addresses: Record<string, string>;
  /** Living processes, engines included. */
  processes(): { name: string; pid: number; node: boolean }[];
}

const OBJECT_STORES: ObjectStoreKind[] = ['minio', 'seaweedfs'];
const LOOPBACK = '127.0.0.1/32';

/** Brings engines and services up, telling progress; throws `usage.object-store` and what `up` throws. */
export async function startStack(options: StackOptions): Promise<Stack> {
  const objectStore = OBJECT_STORES.find((name) => name === options.objectStore);
  if (options.objectStore !== undefined && !objectStore) {
    throw new SonghuaError(
      'usage.object-store',
      `--object-store ${options.objectStore} is not one of ${OBJECT_STORES.join(', ')}`,
      { actor: 'operator' },
    );
  }
  const settings = remember(options);
  const state = await up({
    home: options.home,
    ...(objectStore && { objectStore }),
    services: [...defaultServices(), ...(settings.cityDir ? [cityService(settings.cityDir)] : [])],
    env: {
      SONGHUA_FILE_ROOTS: [
        // Files may always be put here for `file` connectors to read.
        folderOf(options.home, 'inbox'),
        ...settings.fileRoots,
        ...listed('SONGHUA_FILE_ROOTS', delimiter),
      ].join(delimiter),
      SONGHUA_SECRETS_DIR: process.env.SONGHUA_SECRETS_DIR || folderOf(options.home, 'secrets', 0o700),
      // The simulated departments answer on loopback, which connectors otherwise refuse to reach.
      ...(settings.cityDir && { SONGHUA_NETWORK_ALLOW: [LOOPBACK, ...listed('SONGHUA_NETWORK_ALLOW', ',')].join(',') }),
      ...(settings.devIssuer && { SONGHUA_DEV_ISSUER_KEYS: ensureDevIssuer(options.home) }),
    },
    onProgress: ({ name, phase, detail, seconds }) => {
      options.progress.update('start', `${name} ${phase}${detail ? ` ${detail}` : ''} ${seconds.toFixed(0)} s`);
    },
  });
  return stackOf(options.home, state);
}

/** A folder of the state folder in which people put things, made if it is not there. */
function folderOf(home: string, name: string, mode?: number): string {
  const folder = join(resolve(home), name);
  mkdirSync(folder, { recursive: true, mode });
  return folder;
}

const listed = (variable: string, separator: string): string[] =>
  (process.env[variable] ?? '').split(separator).filter((item) => item.trim() !== '');

/** A folder, perhaps with `department=` before it, so that it is the same from wherever the system is started again. */
const absolute = (root: string): string => {
  const [of = ''] = /^[a-z0-9-]+=/.exec(root) ?? [];
  return `${of}${resolve(root.slice(of.length))}`;
};

const settingsSchema = z.object({
  fileRoots: z.array(z.string()),
  cityDir: z.string().optional(),
  devIssuer: z.boolean().optional(),
});

/** What an earlier start of this state folder was given stays in force: `up` after `demo` brings the same departments back. */
function remember(options: StackOptions): z.infer<typeof settingsSchema> {
  const path = join(options.home, 'settings.json');
  const kept = existsSync(path)
    ? settingsSchema.parse(JSON.parse(readFileSync(path, 'utf8')))
    : settingsSchema.parse({ fileRoots: [] });
  const cityDir = options.city?.dir ?? kept.cityDir;
  const settings = {
    fileRoots: [...new Set([...kept.fileRoots, ...(options.fileRoots ?? []).map(absolute)])].sort(),
    ...(cityDir !== undefined && { cityDir }),
    ...((options.devIssuer ?? kept.devIssuer) && { devIssuer: true }),
  };
  if (isDeepStrictEqual(settings, kept)) return settings;
  mkdirSync(options.home, { recursive: true });
  // Written aside first: a full disk would otherwise leave half of it, and what was kept would be lost.
  writeFileSync(`${path}.new`, `${JSON.stringify(settings, null, 2)}\n`);
  renameSync(`${path}.new`, path);
  return settings;
}

function stackOf(home: string, state: StackState): Stack {
  const url = (name: string): string => state.processes.find((process) => process.name === name)?.url ?? '';
  const apiUrl = state.apiUrl ?? url('catalog');
  return {
    apiUrl,
    cityUrl: url('city'),
    addresses: {
      'catalog API / 目录接口': `${apiUrl}/api/v1/summary`,
      'OpenAPI / 接口文档': `${apiUrl}/openapi.json`,
      ...(state.temporalUi && { 'workflows / 工作流': state.temporalUi }),
      'logs / 日志': join(home, 'logs'),
      'operator key / 管理员密钥': join(home, 'credentials', 'operator.key'),
    },
    processes() {
      const now = status(home);
      const node = (name: string): boolean =>
        now.processes.find((process) => process.name === name)?.kind === 'service';
      return [
        ...now.processes.flatMap(({ name, pid }) => (pid === null ? [] : [{ name, pid, node: node(name) }])),
        ...(now.supervisor ? [{ name: 'supervisor', pid: now.supervisor.pid, node: true }] : []),
      ];
    },
  };
}

function cityService(dir: string): ServicePlan {
  return {
    name: 'city',
    entry: require.resolve('@songhua/city/server'),
    replicas: 1,
    port: 8084,
    nodeFlags: ['--max-old-space-size=64'],
    env: { SONGHUA_CITY_DIR: dir },
  };
}
