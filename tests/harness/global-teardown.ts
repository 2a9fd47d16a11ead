export default async function globalTeardown(): Promise<void> {
  const engines = (globalThis as { songhuaEngines?: { stop(): Promise<void> }[] }).songhuaEngines ?? [];
  await Promise.all(engines.map((set) => set.stop()));
}
