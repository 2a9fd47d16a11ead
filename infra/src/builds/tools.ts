import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

// Where Go's own installer puts it without touching PATH.
const GO_FOLDER = '/usr/local/go/bin';

/** The full path of a command on PATH (or in `more` folders), or undefined. */
export function findTool(name: string, more: string[] = []): string | undefined {
  for (const folder of [...(process.env.PATH ?? '').split(delimiter), ...more]) {
    if (folder === '') continue;
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}

/** First and second number of a version text, or undefined: `go version go1.26.8` → [1, 26]. */
export function versionIn(text: string): [number, number] | undefined {
  const match = /(\d+)(?:\.(\d+))?/.exec(text);
  return match ? [Number(match[1]), Number(match[2] ?? 0)] : undefined;
}

function output(file: string, args: string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(file, args, { timeout: 20_000 }, (error, stdout, stderr) => resolve(error ? undefined : stdout + stderr));
  });
}

export interface Tool {
  path: string;
  /** Arguments that come before any other. */
  prefix: string[];
  version: string;
}

const MINIMUM_JAVA = 17;
const MINIMUM_GO: [number, number] = [1, 24];

/** Java 17 or newer from JAVA_HOME or PATH. */
export async function findJava(): Promise<Tool | undefined> {
  const folders = process.env.JAVA_HOME ? [join(process.env.JAVA_HOME, 'bin')] : [];
  const path = findTool('java', folders);
  const text = path && (await output(path, ['-version']));
  const version = text ? versionIn(text) : undefined;
  if (!path || !version || version[0] < MINIMUM_JAVA) return undefined;
  return { path, prefix: [], version: version.join('.') };
}

/** Go 1.24 or newer. */
export async function findGo(): Promise<Tool | undefined> {
  const path = findTool('go', [GO_FOLDER]);
  const text = path && (await output(path, ['env', 'GOVERSION']));
  const version = text ? versionIn(text) : undefined;
  if (!path || !version) return undefined;
  const enough = version[0] > MINIMUM_GO[0] || (version[0] === MINIMUM_GO[0] && version[1] >= MINIMUM_GO[1]);
  return enough ? { path, prefix: [], version: version.join('.') } : undefined;
}

/** pip, by its own name or as a Python module. */
export async function findPip(): Promise<Tool | undefined> {
  for (const name of ['python3', 'python', 'pip3', 'pip']) {
    const path = findTool(name);
    const prefix = name.startsWith('python') ? ['-m', 'pip'] : [];
    const text = path && (await output(path, [...prefix, '--version']));
    const version = text ? versionIn(text) : undefined;
    if (path && version) return { path, prefix, version: version.join('.') };
  }
  return undefined;
}

/** Maven's launcher; its version is not asked because that starts a JVM. */
export function findMaven(): Tool | undefined {
  const path = findTool('mvn');
  return path ? { path, prefix: [], version: '' } : undefined;
}
