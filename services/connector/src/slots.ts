import { createHash } from 'node:crypto';
import { SonghuaError } from '@songhua/domain';
import { createTask, parse, validateDetailed } from 'node-cron';

export interface Schedule {
  cron: string;
  timezone: string;
}

/** Why a schedule cannot run, or undefined when it can. */
export function scheduleProblem(schedule: Schedule): string | undefined {
  const cron = validateDetailed(schedule.cron);
  if (!cron.valid) {
    const errors = cron.errors.map((error) => `${error.field}: ${error.message}`).join('; ');
    return `schedule.cron ${JSON.stringify(schedule.cron)} is not a cron expression (${errors}); use five fields as in "0 3 * * *"`;
  }
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: schedule.timezone });
    return undefined;
  } catch {
    return `schedule.timezone ${JSON.stringify(schedule.timezone)} is not known; use a name such as Asia/Shanghai`;
  }
}

/** Throws `connector.schedule-invalid`. */
export function checkSchedule(schedule: Schedule): void {
  const problem = scheduleProblem(schedule);
  if (problem) throw new SonghuaError('connector.schedule-invalid', problem, { actor: 'department' });
}

// A schedule that has no slot in more than a year (29 February apart) has nothing to catch up.
const LOOK_BACK_MS = 400 * 86_400_000;

/** The latest slot of `schedule` after `after` and not after `now`, on whole seconds; undefined when there is none. */
export function latestSlot(schedule: Schedule, after: Date, now: Date): Date | undefined {
  const task = createTask(schedule.cron, () => undefined, { timezone: schedule.timezone });
  try {
    const fields = parse(schedule.cron);
    const clock = localClock(schedule.timezone);
    const end = Math.max(after.getTime(), now.getTime() - LOOK_BACK_MS);
    let at = Math.floor(now.getTime() / 1000) * 1000;
    while (at > end) {
      const { month, hour, minute, second } = clock(at);
      if (!fields.month.includes(month) || !fields.hour.includes(hour)) at -= (minute * 60 + second + 1) * 1000;
      else if (!fields.minute.includes(minute)) at -= (second + 1) * 1000;
      else if (!fields.second.includes(second)) at -= 1000;
      else if (task.match(new Date(at))) {
        const slot = firstReading(at, clock);
        return slot > end ? new Date(slot) : undefined;
      } else at -= (minute * 60 + second + 1) * 1000;
    }
    return undefined;
  } finally {
    void task.destroy();
  }
}

type LocalClock = (at: number) => { day: number; month: number; hour: number; minute: number; second: number };

const formatters = new Map<string, Intl.DateTimeFormat>();

function localClock(timezone: string): LocalClock {
  let formatter = formatters.get(timezone);
  if (!formatter) {
    formatter = new Intl.DateTimeFormat('en-US', {
      timeZone: timezone,
      hourCycle: 'h23',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    formatters.set(timezone, formatter);
  }
  const { format } = formatter;
  return (at) => {
    const [month = 0, day = 0, hour = 0, minute = 0, second = 0] = (format(at).match(/\d+/g) ?? []).map(Number);
    return { month, day, hour, minute, second };
  };
}

/** When clocks are set back, a local time comes twice; node-cron runs at the first of them, so that one is the slot. */
function firstReading(at: number, clock: LocalClock): number {
  const reading = JSON.stringify(clock(at));
  // Every zone in use sets its clocks back by an hour, but Lord Howe Island by half of one.
  for (const back of [3_600_000, 1_800_000]) if (JSON.stringify(clock(at - back)) === reading) return at - back;
  return at;
}

/** 0 ≤ share < 1, always the same for a connector, evenly spread over connectors. */
export function shareOf(connectorId: string): number {
  return createHash('sha256').update(connectorId).digest().readUInt32BE(0) / 2 ** 32;
}
