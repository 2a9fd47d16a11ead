export default async function globalTeardown(): Promise<void> {
  await (globalThis as { songhuaEngines?: { stop(): Promise<void> } }).songhuaEngines?.stop();
}
