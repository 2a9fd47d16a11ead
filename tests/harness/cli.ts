import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';

const bin = join(resolve(__dirname, '../..'), 'packages/cli/bin/songhua.js');

/** Runs `songhua` with these arguments; its stdout. Rejects with what it told when it does not end with 0. */
export type Songhua = (...args: string[]) => Promise<string>;

/** The command line as a user of `cwd` has it. */
export function songhuaIn(options: { cwd: string; env: NodeJS.ProcessEnv }): Songhua {
  const { cwd, env } = options;
  return (...args) =>
    new Promise((done, failed) => {
      const child = spawn(process.execPath, [bin, ...args], { cwd, env: { ...process.env, ...env } });
      let [stdout, stderr] = ['', ''];
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        stdout += text;
      });
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        stderr += text;
      });
      child.once('error', failed);
      child.once('close', (code) => {
        if (code === 0) done(stdout);
        else failed(new Error(`songhua ${args.join(' ')} ended with ${code}\n${stdout}${stderr}`));
      });
    });
}
