import { execFile } from 'node:child_process';
import { findTool } from '../builds/tools.js';

const TIMEOUT_MS = 5_000;

function ask(args: string[]): Promise<string | undefined> {
  const docker = findTool('docker');
  if (docker === undefined) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    execFile(docker, args, { timeout: TIMEOUT_MS }, (error, stdout) => resolve(error ? undefined : stdout.trim()));
  });
}

/** The version of the Docker engine that answers and whose client has Compose, or undefined. */
export async function dockerAnswers(): Promise<string | undefined> {
  const [engine, compose] = await Promise.all([
    ask(['version', '--format', '{{.Server.Version}}']),
    ask(['compose', 'version', '--short']),
  ]);
  return engine && compose ? engine : undefined;
}

export const ENGINE_MODES = ['auto', 'native', 'docker'] as const;
export type EngineMode = (typeof ENGINE_MODES)[number];

/** Who starts the engines: the argument, else `$SONGHUA_ENGINES`, else Docker where it answers and native where not. */
export async function chooseMode(
  asked: EngineMode | undefined,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<'native' | 'docker'> {
  const wanted = asked ?? ENGINE_MODES.find((mode) => mode === environment.SONGHUA_ENGINES) ?? 'auto';
  if (wanted !== 'auto') return wanted;
  return (await dockerAnswers()) === undefined ? 'native' : 'docker';
}
