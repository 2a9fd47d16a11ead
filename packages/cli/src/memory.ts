import { readFile } from 'node:fs/promises';

/** Peak resident memory (VmHWM) of each process, in MB of 10^6 bytes; replicas of one name are numbered by the caller. */
export async function peakMemoryMb(processes: { name: string; pid: number }[]): Promise<Record<string, number>> {
  const peaks: Record<string, number> = {};
  for (const { name, pid } of processes) {
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
    const kib = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
    if (kib) peaks[name] = Math.round((Number(kib) * 1024) / 1e6);
  }
  return peaks;
}
