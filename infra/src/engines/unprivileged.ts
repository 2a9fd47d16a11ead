import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { findTool } from '../builds/tools.js';
import { infraError } from '../errors.js';

/** The user PostgreSQL runs as when we are root, which it refuses to be. */
export interface Runner {
  user: string | undefined;
  uid: number | undefined;
  gid: number | undefined;
  /** Wraps a command so that it runs as that user, able to reach `paths`. */
  wrap(file: string, args: string[], paths: string[]): { file: string; args: string[]; uid?: number; gid?: number };
}

// In order of preference: made for it, made by us, there on every system.
const CANDIDATES = ['postgres', 'songhua', 'nobody'];

interface Account {
  user: string;
  uid: number;
  gid: number;
}

function account(user: string): Account | undefined {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((text) => text.startsWith(`${user}:`));
  const [, , uid, gid] = line?.split(':') ?? [];
  return uid === undefined || gid === undefined ? undefined : { user, uid: Number(uid), gid: Number(gid) };
}

function choose(create: boolean): Account {
  const [made, ours, last] = CANDIDATES.map(account);
  if (made ?? ours) return (made ?? ours) as Account;
  if (create) {
    try {
      const args = ['--system', '--no-create-home', '--shell', '/usr/sbin/nologin', 'songhua'];
      execFileSync('useradd', args, { stdio: 'ignore' });
    } catch {
      // No such tool, or a read-only system: `nobody` will do.
    }
  }
  const chosen = account('songhua') ?? last;
  if (chosen) return chosen;
  throw infraError(
    'engine.unsupported',
    'PostgreSQL does not run as root and no unprivileged user could be made: run as another user, or `useradd songhua`',
  );
}

/** Whether others may pass through every folder above `path`. */
function isReachable(path: string): boolean {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if ((statSync(folder).mode & 0o001) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

/** How to run PostgreSQL's programs: as we are, or as an unprivileged user (made when there is none) when we are root. */
export function unprivilegedRunner({ create } = { create: true }): Runner {
  if (process.getuid?.() !== 0) {
    return { user: undefined, uid: undefined, gid: undefined, wrap: (file, args) => ({ file, args }) };
  }
  const { user, uid, gid } = choose(create);
  return {
    user,
    uid,
    gid,
    wrap: (file, args, paths) => {
      if (paths.every(isReachable)) return { file, args, uid, gid };
      // Root's own folders are closed to others: keep the user unprivileged in name and ownership, but let it pass through folders.
      const setpriv = findTool('setpriv', ['/usr/bin', '/bin']);
      if (setpriv === undefined) {
        throw infraError(
          'engine.unsupported',
          `user ${user} cannot reach ${paths.join(', ')}: set SONGHUA_HOME and XDG_CACHE_HOME to folders open to others, or install util-linux (setpriv)`,
        );
      }
      const identity = [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
      // no_setuid_fixup: initdb asks access(2), which ignores the capabilities of other users without it.
      const capability = [
        '--securebits=+no_setuid_fixup',
        '--inh-caps=+dac_override',
        '--ambient-caps=+dac_override',
        '--bounding-set=-all,+dac_override',
      ];
      return { file: setpriv, args: [...identity, ...capability, file, ...args] };
    },
  };
}
