import { readFile } from 'node:fs/promises';

export interface Watched {
  name: string;
  pid: number;
  /** Whether it is one of Songhua's own (Node), not an engine. */
  node: boolean;
}

export interface MemoryReport {
  /** Peak resident memory (VmHWM) by process, in MB of 10^6 bytes. */
  peaks: Record<string, number>;
  /**
   * The most that all Node processes held at one moment, in MB: the sum of their proportional set sizes, in which a page
   * that several of them share counts once.
   */
  nodeTogether: number;
}

const SAMPLE_MS = 500;
// To find out who runs costs more than to look at them, and would be a part of what is measured.
const SAMPLES_A_LISTING = 20;

/** Watches processes until `stop`, which tells their peaks; one that began anew is seen within 10 s. Linux only; elsewhere the report is empty. */
export function watchMemory(processes: () => Watched[]): { stop(): Promise<MemoryReport> } {
  let together = 0;
  let sampling: Promise<void> = Promise.resolve();
  let own: Watched[] = [];
  let samples = 0;
  const sample = async (): Promise<void> => {
    if (samples++ % SAMPLES_A_LISTING === 0) own = processes().filter((process) => process.node);
    const sizes = await Promise.all(own.map(({ pid }) => kilobytes(`/proc/${pid}/smaps_rollup`, 'Pss')));
    together = Math.max(
      together,
      sizes.reduce((sum, size) => sum + size, 0),
    );
  };
  const timer = setInterval(() => {
    sampling = sample();
  }, SAMPLE_MS);
  return {
    async stop() {
      clearInterval(timer);
      await sampling;
      const peaks: Record<string, number> = {};
      for (const { name, pid } of processes()) {
        const peak = await kilobytes(`/proc/${pid}/status`, 'VmHWM');
        if (peak > 0) peaks[name] = megabytes(peak);
      }
      return { peaks, nodeTogether: megabytes(together) };
    },
  };
}

async function kilobytes(path: string, field: string): Promise<number> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1] ?? 0);
}

const megabytes = (kib: number): number => Math.round((kib * 1024) / 1e6);
