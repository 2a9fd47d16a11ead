import { sourceError } from '@songhua/connector-sdk';

// Texts, quoted names and comments, which may hold anything; one that is not closed takes the rest.
const APART =
  /'(?:[^']|'')*(?:'|$)|"(?:[^"]|"")*(?:"|$)|\[[^\]]*(?:\]|$)|`(?:[^`]|``)*(?:`|$)|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/g;
const UNCLOSED = /^(?:'(?:[^']|'')*|"(?:[^"]|"")*|\[[^\]]*|`(?:[^`]|``)*|\/\*(?:(?!\*\/)[\s\S])*)$/;

/** Throws `connector.config-invalid` unless `query`, put into parentheses, stays inside them as one statement. */
export function assertEnclosed(query: string): void {
  let unclosed = false;
  const rest = query.replace(APART, (part) => {
    unclosed ||= UNCLOSED.test(part);
    return ' ';
  });
  let depth = 0;
  let left = false;
  for (const character of rest) {
    if (character === '(') depth++;
    else if (character === ')') depth--;
    left ||= depth < 0 || character === ';';
  }
  if (!unclosed && !left && depth === 0) return;
  throw sourceError(
    'connector.config-invalid',
    'config.query must be one SELECT whose quotes, comments and parentheses are closed; correct it',
  );
}
