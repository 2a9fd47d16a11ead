import pc from 'picocolors';

/** Streams are coloured only where a person sees them, or where the environment asks for it. */
export function coloured(
  stream: { isTTY?: boolean },
  { NO_COLOR, FORCE_COLOR, TERM }: Record<string, string | undefined>,
): boolean {
  if (NO_COLOR) return false;
  if (FORCE_COLOR) return FORCE_COLOR !== '0';
  return stream.isTTY === true && TERM !== 'dumb';
}

// Not picocolors' own choice: it colours pipes and files, too, where `CI` is set.
/** For what goes to stdout. */
export default pc.createColors(coloured(process.stdout, process.env));
/** For what goes to stderr. */
export const onStderr = pc.createColors(coloured(process.stderr, process.env));
