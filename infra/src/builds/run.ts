import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { infraError } from '../errors.js';

const KEPT_LINES = 30;

export interface RunOptions {
  cwd: string;
  env?: NodeJS.ProcessEnv;
  uid?: number | undefined;
  gid?: number | undefined;
  timeoutMs: number;
  onLine?: (line: string) => void;
}

/** Runs a tool to its end and returns its output lines (the last 30); throws `engine.fetch-failed` with them when it fails. */
export async function run(file: string, args: string[], options: RunOptions): Promise<string[]> {
  const lines: string[] = [];
  const keep = (line: string): void => {
    lines.push(line);
    if (lines.length > KEPT_LINES) lines.shift();
    options.onLine?.(line);
  };
  const outcome = await new Promise<string | undefined>((resolve) => {
    const child = spawn(file, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.gid }),
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs);
    for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', keep);
    child.on('error', (error) => {
      clearTimeout(timer);
      resolve(error.message);
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve(code === 0 ? undefined : `ended with ${signal ?? code}`);
    });
  });
  if (outcome === undefined) return lines;
  throw infraError('engine.fetch-failed', `${file} ${args.slice(0, 3).join(' ')} … ${outcome}\n${lines.join('\n')}`, {
    retryable: true,
  });
}
