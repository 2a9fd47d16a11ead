import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { reasonOf } from '@songhua/domain';
import { isFree } from '@songhua/runtime/ports';
import { versionIn } from '../builds/tools.js';
import { type DiskSpace, levelOf, lowBytes, spaceOf } from '../disk/space.js';
import { unprivilegedRunner } from '../engines/unprivileged.js';
import { openHome } from '../home.js';
import { ownerOf } from '../process/registry.js';
import type { DoctorCheck, DoctorContext } from './doctor.js';
import { both } from './remedies.js';

const MINIMUM_NODE: [number, number] = [20, 19];
const GB = 1e9;
// Engines 0.6 GB and services 0.8 GB at full load, and room for the page cache and a compiler.
const MINIMUM_MEMORY = 3 * GB;
// Compiling MinIO fills Go's own cache with about 2 GB; downloads and builds take 1 GB.
const MINIMUM_CACHE_DISK = 4 * GB;
// The whole city, landed, published and in Kafka, with slack.
const MINIMUM_HOME_DISK = 5 * GB;
const WELL_KNOWN = { kafka: 9092, temporal: 7233, 'object-store': 9000, postgres: 5432, catalog: 8080 } as const;

const gigabytes = (bytes: number): string => `${(bytes / GB).toFixed(1)} GB`;

export async function checkNode(): Promise<DoctorCheck> {
  const [major, minor] = versionIn(process.versions.node) ?? [0, 0];
  const ok = major > MINIMUM_NODE[0] || (major === MINIMUM_NODE[0] && minor >= MINIMUM_NODE[1]);
  const wanted = MINIMUM_NODE.join('.');
  return {
    name: 'node',
    ok,
    found: `Node ${process.versions.node}`,
    instead: null,
    remedy: ok ? null : both(`install Node ${wanted} or newer`, `请安装 Node ${wanted} 或更新版本`),
  };
}

/** @param total,free bytes of memory of the machine. */
export async function checkMemory(total: number, free: number): Promise<DoctorCheck> {
  const ok = total >= MINIMUM_MEMORY;
  const wanted = gigabytes(MINIMUM_MEMORY);
  return {
    name: 'memory',
    ok,
    found: `${gigabytes(total)}, ${gigabytes(free)} free`,
    instead: null,
    remedy: ok ? null : both(`use a machine with at least ${wanted}`, `请使用至少 ${wanted} 内存的机器`),
  };
}

function spaceAt(path: string): DiskSpace {
  let folder = path;
  while (!existsSync(folder) && folder !== dirname(folder)) folder = dirname(folder);
  return spaceOf(folder);
}

export async function checkDisk({ home, cache, cached }: DoctorContext): Promise<DoctorCheck> {
  const needs: [string, number][] = [
    [home, MINIMUM_HOME_DISK],
    [cache, cached('minio') && cached('kafka') ? 0 : MINIMUM_CACHE_DISK],
  ];
  const found: string[] = [];
  const short: string[] = [];
  for (const [path, needed] of needs) {
    const { freeBytes } = spaceAt(path);
    found.push(`${gigabytes(freeBytes)} free at ${path}`);
    if (freeBytes < needed) short.push(`${gigabytes(needed)} at ${path}`);
  }
  const space = spaceAt(home);
  const level = levelOf(space);
  if (level !== 'ok') found.push(`the disk is ${level}`);
  // Low is not too little for a start: it is told, and does not count against it.
  const soon = level === 'ok' ? '' : `${gigabytes(lowBytes(space.totalBytes))} at ${home}`;
  const list = short.join(', ') || soon;
  return {
    name: 'disk',
    ok: short.length === 0,
    found: found.join('; '),
    instead: null,
    remedy: list === '' ? null : both(`make room: ${list} needed`, `磁盘空间不足，需要：${list}`),
  };
}

export async function checkPorts({ home }: DoctorContext): Promise<DoctorCheck> {
  // Our own engines hold them.
  const running = existsSync(home) && ownerOf(openHome(home)) !== undefined;
  const taken: string[] = [];
  if (!running) {
    for (const [name, port] of Object.entries(WELL_KNOWN)) if (!(await isFree(port))) taken.push(`${port} (${name})`);
  }
  const found = running ? 'in use by this Songhua' : taken.length === 0 ? 'all free' : `taken: ${taken.join(', ')}`;
  const instead = taken.length === 0 ? null : 'other free ports, as `songhua status` tells';
  return { name: 'ports', ok: true, found, instead, remedy: null };
}

export async function checkUser({ home, cache }: DoctorContext): Promise<DoctorCheck> {
  try {
    const runner = unprivilegedRunner({ create: false });
    runner.wrap('postgres', [], [home, cache].filter(existsSync));
    const found = runner.user === undefined ? 'not root' : `root; PostgreSQL runs as ${runner.user}`;
    return { name: 'user', ok: true, found, instead: null, remedy: null };
  } catch (error) {
    const { message } = reasonOf(error);
    return { name: 'user', ok: false, found: 'root', instead: null, remedy: both(message, '请改用普通用户运行') };
  }
}
