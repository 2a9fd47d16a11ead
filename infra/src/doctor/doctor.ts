import { freemem, totalmem } from 'node:os';
import { join } from 'node:path';
import { isCached } from '../builds/cache.js';
import { type BuildName, type EngineLock, PLATFORM, readLock } from '../builds/lock.js';
import { cacheFolder, resolveHome } from '../home.js';
import { checkDisk, checkMemory, checkNode, checkPorts, checkUser } from './machine.js';
import { checkDocker, checkGo, checkJava, checkMaven, checkPython } from './tools.js';

export interface DoctorCheck {
  /** Stable: `node`, `platform`, `java`, `maven`, `python`, `go`, `docker`, `memory`, `disk`, `ports`, `user`. */
  name: string;
  /** Nothing needs to be done: it is there, or not needed, or something else is used instead. */
  ok: boolean;
  /** What was found, in a few words. */
  found: string;
  /** What is used in its place, or null. */
  instead: string | null;
  /** What to do, in English and Chinese, or null when nothing is better than what is there. */
  remedy: string | null;
}

export interface DoctorReport {
  ok: boolean;
  home: string;
  cache: string;
  checks: DoctorCheck[];
}

/** What only native engines need. */
const FETCHING = ['platform', 'java', 'maven', 'python', 'go'];

/** What the checks know in common. */
export interface DoctorContext {
  home: string;
  cache: string;
  /** Whether a build needs no fetching any more. */
  cached(name: BuildName): boolean;
}

function contextOf(lock: EngineLock, home: string): DoctorContext {
  const cache = cacheFolder();
  return {
    home,
    cache,
    cached: (name) => {
      const build = lock.builds.find((one) => one.name === name);
      const artifacts = build?.platforms[PLATFORM] ?? build?.platforms.any;
      if (!build || !artifacts) return false;
      const { version, client } = build;
      return isCached(join(cache, 'engines'), { name, version, client, artifacts });
    },
  };
}

/** Whether `songhua up` would work here, and for each thing that is missing what to do about it. Changes nothing. */
export async function doctor(folder?: string): Promise<DoctorReport> {
  const lock = readLock();
  const context = contextOf(lock, resolveHome(folder));
  const supported = lock.builds.every((build) => build.platforms[PLATFORM] ?? build.platforms.any);
  const platform: DoctorCheck = {
    name: 'platform',
    ok: supported,
    found: PLATFORM,
    instead: null,
    remedy: supported
      ? null
      : 'native engines are pinned for linux-x64 only: use a Docker engine / 原生引擎目前仅支持 linux-x64，请使用 Docker',
  };
  const checks = await Promise.all([
    checkNode(),
    platform,
    checkJava(context),
    checkMaven(context),
    checkPython(context),
    checkGo(context),
    checkDocker(),
    checkMemory(totalmem(), freemem()),
    checkDisk(context),
    checkPorts(context),
    checkUser(context),
  ]);
  const docker = checks.find((check) => check.name === 'docker')?.instead === null;
  for (const check of checks) {
    if (check.ok || !docker || !FETCHING.includes(check.name)) continue;
    Object.assign(check, { ok: true, instead: 'the Docker engine' });
  }
  return { ok: checks.every((check) => check.ok), home: context.home, cache: context.cache, checks };
}
