import { SonghuaError } from '@songhua/domain';

export interface Gate {
  /** Runs `work` when there is room for one more of `department`. Throws `trials.busy` (retryable) when too many wait already. */
  enter<T>(department: string, work: () => Promise<T>): Promise<T>;
}

interface Waiting {
  department: string;
  start(): void;
}

/** At most `atOnce` at the same time and `each` of one department, in order of arrival; `most` wait. */
export function createGate({ atOnce, each, most }: { atOnce: number; each: number; most: number }): Gate {
  const inside: string[] = [];
  const waiting: Waiting[] = [];
  const hasRoom = (department: string): boolean =>
    inside.length < atOnce && inside.filter((one) => one === department).length < each;
  const next = (): void => {
    const index = waiting.findIndex(({ department }) => hasRoom(department));
    if (index < 0) return;
    const [first] = waiting.splice(index, 1);
    if (first === undefined) return;
    inside.push(first.department);
    first.start();
    next();
  };
  return {
    async enter(department, work) {
      if (waiting.length >= most)
        throw new SonghuaError('trials.busy', `${most} trials of connectors wait already; try again in a minute`, {
          retryable: true,
          actor: 'department',
        });
      await new Promise<void>((start) => {
        waiting.push({ department, start });
        next();
      });
      try {
        return await work();
      } finally {
        inside.splice(inside.indexOf(department), 1);
        next();
      }
    },
  };
}
