import type { ConnectorRecord, ConnectorRepository } from '@songhua/catalog';
import { reasonOf, runProblem } from '@songhua/domain';
import { type Logger, retry } from '@songhua/runtime';
import { type ScheduledTask, schedule as startTask } from 'node-cron';
import { latestSlot, type Schedule, scheduleProblem, shareOf } from './slots.js';

export interface SchedulerDeps {
  connectors: ConnectorRepository;
  /** Claims slots: idempotent, so every replica may claim the same. */
  enqueue(slots: { connector: ConnectorRecord; slot: string }[]): Promise<void>;
  logger: Logger;
  jitterMs: number;
}

export interface Scheduler {
  /** Takes over changed, new, paused and deleted connectors. */
  reload(): Promise<void>;
  /** Claims the last slot of every connector, if it passed unclaimed since the schedule holds, e.g. during downtime. */
  catchUp(): Promise<void>;
  stop(): Promise<void>;
}

interface Group {
  schedule: Schedule;
  task: ScheduledTask;
  members: Map<string, ConnectorRecord>;
}

// Starts within one second share a statement.
const STEP_MS = 1_000;
const RELOAD_MS = 2_000;
const CATCH_UP_MS = 300_000;
// Up to here a late timer still runs its slot; later than that, no replica's own timer will, and the slot is caught up.
const LATE_MS = 30_000;

/**
 * Fires schedules with node-cron: one task for all connectors with the same cron expression and timezone. The slot is the scheduled
 * time; each connector starts a fixed, connector-specific while later, so that "03:00" does not hit every department at once.
 */
export function createScheduler(deps: SchedulerDeps): Scheduler {
  const { logger, jitterMs } = deps;
  const groups = new Map<string, Group>();
  // Since when a schedule holds, as the catalog said when it was first seen here: what else changes later moves nothing.
  const schedules = new Map<string, { key: string; since: Date }>();
  const timers = new Set<NodeJS.Timeout>();
  let token: string | undefined;
  let stopped = false;
  let reloading: Promise<void> = Promise.resolve();

  const claim = async (slots: { connector: ConnectorRecord; slot: string }[]): Promise<void> => {
    if (slots.length === 0 || stopped) return;
    try {
      await retry(() => deps.enqueue(slots), { tries: 5, baseMs: 200, maxMs: 5_000 });
    } catch (error) {
      logger.error({ slots: slots.length, reason: reasonOf(error) }, 'slots not claimed; they are caught up later');
    }
  };

  const fire = (group: Group, slot: Date): void => {
    const gap = (group.task.getNextRun()?.getTime() ?? Number.POSITIVE_INFINITY) - slot.getTime();
    const spread = Math.min(jitterMs, gap / 2);
    const steps = new Map<number, ConnectorRecord[]>();
    for (const connector of group.members.values()) {
      const step = Math.floor((shareOf(connector.id) * spread) / STEP_MS);
      steps.set(step, [...(steps.get(step) ?? []), connector]);
    }
    for (const [step, members] of steps) {
      const timer = setTimeout(() => {
        timers.delete(timer);
        const current = members.filter((connector) => group.members.has(connector.id));
        void claim(current.map((connector) => ({ connector, slot: slot.toISOString() })));
      }, step * STEP_MS);
      timers.add(timer);
    }
  };

  const open = (key: string, schedule: Schedule): Group => {
    const task = startTask(
      schedule.cron,
      (context) => {
        const group = groups.get(key);
        if (group) fire(group, context.date);
      },
      {
        timezone: schedule.timezone,
        name: key,
        unref: true,
        suppressMissedWarning: true,
        missedExecutionTolerance: LATE_MS,
      },
    );
    task.on('execution:missed', () => {
      const timer = setTimeout(() => {
        timers.delete(timer);
        void catchUp(0);
      }, STEP_MS);
      timers.add(timer);
    });
    return { schedule, task, members: new Map() };
  };

  const apply = (connectors: ConnectorRecord[]): void => {
    const wanted = new Map<string, Map<string, ConnectorRecord>>();
    for (const connector of connectors) {
      const { schedule } = connector.spec;
      if (!schedule || runProblem(connector.state, 'schedule') !== undefined) continue;
      const problem = scheduleProblem(schedule);
      if (problem) {
        logger.error({ connector: connector.name, problem }, 'schedule cannot run');
        continue;
      }
      const key = `${schedule.cron} ${schedule.timezone}`;
      wanted.set(key, (wanted.get(key) ?? new Map()).set(connector.id, connector));
      if (schedules.get(connector.id)?.key !== key) schedules.set(connector.id, { key, since: connector.changedAt });
    }
    const kept = new Set([...wanted.values()].flatMap((members) => [...members.keys()]));
    for (const id of schedules.keys()) if (!kept.has(id)) schedules.delete(id);
    for (const [key, group] of groups) {
      if (wanted.has(key)) continue;
      void group.task.destroy();
      groups.delete(key);
    }
    for (const [key, members] of wanted) {
      let group = groups.get(key);
      const [one] = members.values();
      if (!group && one?.spec.schedule) {
        group = open(key, one.spec.schedule);
        groups.set(key, group);
      }
      if (group) group.members = members;
    }
  };

  const reload = (): Promise<void> => {
    reloading = reloading
      .catch(() => undefined)
      .then(async () => {
        const now = await deps.connectors.changeToken();
        if (now === token || stopped) return;
        apply(await deps.connectors.list({}));
        token = now;
      });
    return reloading;
  };

  const catchUp = async (lateMs: number): Promise<void> => {
    const last = await deps.connectors.lastSlots();
    const now = Date.now();
    const missed: { connector: ConnectorRecord; slot: string }[] = [];
    for (const group of groups.values()) {
      const slot = latestSlot(group.schedule, new Date(0), new Date(now));
      if (!slot || slot.getTime() + lateMs > now) continue;
      for (const connector of group.members.values()) {
        const claimed = last.get(connector.id);
        const since = schedules.get(connector.id)?.since;
        if (since && slot >= since && (!claimed || claimed < slot))
          missed.push({ connector, slot: slot.toISOString() });
      }
    }
    if (missed.length > 0) logger.info({ slots: missed.length }, 'catching up missed slots');
    await claim(missed);
  };

  const often = (work: () => Promise<void>, what: string): void => {
    work().catch((error: unknown) => logger.warn({ reason: reasonOf(error) }, `${what} failed; trying again`));
  };
  const intervals = [
    setInterval(() => often(reload, 'reloading schedules'), RELOAD_MS),
    setInterval(() => often(() => catchUp(LATE_MS + jitterMs), 'catching up'), CATCH_UP_MS),
  ];

  return {
    reload,
    catchUp: () => catchUp(0),
    async stop() {
      stopped = true;
      for (const interval of intervals) clearInterval(interval);
      for (const timer of timers) clearTimeout(timer);
      for (const group of groups.values()) await group.task.destroy();
      await reloading.catch(() => undefined);
    },
  };
}
