import type { CollectionReport, ObjectKind } from '@songhua/contracts';
import { Counter, Gauge, type Registry } from '@songhua/runtime';

export interface Meters {
  ended(report: CollectionReport, seconds: number, at: Date): void;
}

/** Numbers of the collections of this process; dry runs are not among them. */
export function createMeters(registry: Registry): Meters {
  const registers = [registry];
  const removed = { objects: 'Objects', bytes: 'Bytes of objects' } as const;
  const counters = Object.entries(removed).map(
    ([unit, what]) =>
      [
        unit as keyof typeof removed,
        new Counter({
          name: `songhua_gc_removed_${unit}_total`,
          help: `${what} that the collector removed`,
          labelNames: ['kind'],
          registers,
        }),
        new Gauge({
          name: `songhua_gc_kept_${unit}`,
          help: `${what} that the last collection left`,
          labelNames: ['kind'],
          registers,
        }),
      ] as const,
  );
  const unknown = new Gauge({ name: 'songhua_gc_unknown_objects', help: 'Objects of no known kind', registers });
  const seconds = new Gauge({ name: 'songhua_gc_seconds', help: 'Seconds that the last collection took', registers });
  const last = new Gauge({
    name: 'songhua_gc_last_success_timestamp_seconds',
    help: 'When the last collection of this process ended well',
    registers,
  });
  return {
    ended(report, took, at) {
      for (const [unit, gone, left] of counters) {
        for (const [kind, size] of Object.entries(report.removed)) gone.inc({ kind }, size[unit]);
        left.reset();
        for (const [kind, size] of Object.entries(report.kept)) left.set({ kind: kind as ObjectKind }, size[unit]);
      }
      unknown.set(report.unknown.objects);
      seconds.set(took);
      last.set(at.getTime() / 1000);
    },
  };
}
