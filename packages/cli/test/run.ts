import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const SONGHUA = join(__dirname, '..', 'bin', 'songhua.js');

export interface Running {
  child: ChildProcess;
  told: { stdout: string; stderr: string };
  exit: Promise<number | null>;
}

/** The real command in a process of its own, for the API at `url`. */
export function songhua(url: string, ...args: string[]): Running {
  const child = spawn(process.execPath, [SONGHUA, ...args], {
    env: { ...process.env, SONGHUA_API: url, SONGHUA_API_KEY: 'k', NO_COLOR: '1' },
  });
  const told = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (told.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (told.stderr += text));
  return { child, told, exit: once(child, 'close').then(([code]) => code as number | null) };
}
