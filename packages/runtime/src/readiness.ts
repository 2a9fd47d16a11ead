import { reasonOf } from '@songhua/domain';
import { z } from 'zod';

/** `engines`: what each answered, `ok` or why not, as a code: the answer is public and tells no address. */
export const readinessSchema = z.object({ ready: z.boolean(), engines: z.record(z.string(), z.string()) });
export type Readiness = z.infer<typeof readinessSchema>;

/** Tells whether the engines answer. Those in `exclude` are asked and told as well, but nothing depends on them. */
export type AskReadiness = (exclude?: readonly string[]) => Promise<Readiness>;

// Below the 2 s that whoever asks usually waits.
const PATIENCE_MS = 1_500;
// Probes and visitors ask as often as they like; an engine is asked once a second.
const KEPT_MS = 1_000;
const OK = 'ok';

/**
 * Asks every engine that a service needs, all at once, each with `patienceMs`. An answer stands for `keptMs`, and an engine that still
 * owes one is not asked again.
 */
export function createReadiness(
  engines: Record<string, () => Promise<unknown>>,
  { patienceMs = PATIENCE_MS, keptMs = KEPT_MS } = {},
): AskReadiness {
  const asks = Object.entries(engines).map(([name, ping]) => ({ name, ask: patiently(ping, patienceMs) }));
  let kept: { until: number; answers: Promise<Record<string, string>> } | undefined;
  const askAll = async (): Promise<Record<string, string>> =>
    Object.fromEntries(await Promise.all(asks.map(async ({ name, ask }) => [name, await ask()] as const)));

  return async (exclude = []) => {
    if (!kept || kept.until <= performance.now()) {
      const current = { until: Number.POSITIVE_INFINITY, answers: askAll() };
      kept = current;
      void current.answers.then(() => {
        current.until = performance.now() + keptMs;
      });
    }
    const answers = await kept.answers;
    const ready = Object.entries(answers).every(([name, answer]) => answer === OK || exclude.includes(name));
    return { ready, engines: answers };
  };
}

/** The status and body of an answer to `GET /readyz?exclude=NAME&exclude=NAME`. */
export async function answerReadiness(
  ask: AskReadiness,
  url: string,
): Promise<{ status: 200 | 503; readiness: Readiness }> {
  const readiness = await ask(new URL(url, 'http://localhost').searchParams.getAll('exclude'));
  return { status: readiness.ready ? 200 : 503, readiness };
}

/** `ping` as a question that is answered within `patienceMs`, by a word. */
function patiently(ping: () => Promise<unknown>, patienceMs: number): () => Promise<string> {
  let owed: Promise<string> | undefined;
  return () => {
    owed ??= Promise.resolve()
      .then(ping)
      .then(
        () => OK,
        (error: unknown) => reasonOf(error).code,
      )
      .finally(() => {
        owed = undefined;
      });
    let timer: NodeJS.Timeout | undefined;
    const silence = new Promise<string>((resolve) => {
      timer = setTimeout(() => resolve('silent'), patienceMs);
    });
    return Promise.race([owed, silence]).finally(() => clearTimeout(timer));
  };
}
