import { type Command, InvalidArgumentError } from 'commander';

/** Takes an option each time it is given, in order. */
export const repeated = (text: string, told: string[] = []): string[] => [...told, text];

/** Makes every option of `command` and those below it that keeps one value refuse a second one, which would silently replace the first. */
export function refuseRepeats(command: Command): void {
  for (const option of command.options) {
    const { parseArg, variadic, required, optional } = option;
    if (variadic || parseArg === repeated || !(required || optional)) continue;
    let given = false;
    option.argParser<unknown>((text, previous) => {
      if (given) throw new InvalidArgumentError('It is given twice, and takes one value.');
      given = true;
      return parseArg ? parseArg(text, previous) : text;
    });
  }
  for (const below of command.commands) refuseRepeats(below);
}
