/** Calls `cut` once when `signal` is aborted, until `end` is called. */
export function whileConnected(signal: AbortSignal, cut: () => void): { end(): void } {
  const onAbort = (): void => cut();
  if (signal.aborted) cut();
  else signal.addEventListener('abort', onAbort, { once: true });
  return { end: () => signal.removeEventListener('abort', onAbort) };
}
