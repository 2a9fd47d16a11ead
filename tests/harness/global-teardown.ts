import type { RunningEngines } from '@songhua/infra';

export default async function globalTeardown(): Promise<void> {
  const engines = (globalThis as { songhuaEngines?: RunningEngines[] }).songhuaEngines ?? [];
  await Promise.all(engines.map((set) => set.stop()));
}
