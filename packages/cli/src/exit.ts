import { reasonOf, type SonghuaError } from '@songhua/domain';
import { onStderr as pc } from './colours.js';
import { Interrupted } from './waiting.js';

/** Exit codes of the contract; a wait that a signal ends has 130 (SIGINT) or 143 (SIGTERM). */
export const EXIT = { done: 0, failed: 1, usage: 2, held: 3 } as const;

// Codes whose cause is what the user typed or the file the user named.
const USAGE = /^(usage|name|config|resource|inspect|source|limit|city)\./;

// To the API, a bad request and what names something that is not there are wrong input; a source that cannot be read is a failure.
const isUsage = (code: string, status: unknown): boolean =>
  typeof status === 'number' ? status === 400 || isNowhere(code) : USAGE.test(code);
const isNowhere = (code: string): boolean => code === 'catalog.reference' || code.endsWith('.unknown');

/** Runs a command's action: 0 unless it returns another code; an error is told on stderr with its code and what to do next. */
export function action<A extends unknown[]>(
  work: (...args: A) => Promise<number> | Promise<void>,
): (...args: A) => Promise<void> {
  return async (...args) => {
    try {
      process.exitCode = (await work(...args)) ?? EXIT.done;
    } catch (error) {
      if (error instanceof Interrupted) {
        process.stderr.write(`${error.message}\n`);
        process.exitCode = error.exit;
        return;
      }
      const reason = reasonOf(error);
      process.stderr.write(`${pc.red('error')} ${pc.bold(reason.code)}: ${reason.message}\n`);
      const details = (error as Partial<SonghuaError>).details ?? {};
      // What the API answered says whose turn it is; its fields are in the message already.
      if (typeof details.status === 'number') process.stderr.write(`${pc.dim(`who can act: ${reason.actor}`)}\n`);
      else if (Object.keys(details).length > 0) process.stderr.write(`${pc.dim(JSON.stringify(details))}\n`);
      if (reason.code === 'internal.unexpected') process.stderr.write(`${(error as Error).stack ?? ''}\n`);
      process.exitCode = isUsage(reason.code, details.status) ? EXIT.usage : EXIT.failed;
    }
  };
}
