/** SQL text that this package builds. Identifiers and literals only ever enter it through these. */
export const ident = (name: string): string => `"${name.replaceAll('"', '""')}"`;
export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;
export const list = (texts: readonly string[]): string => `[${texts.map(literal).join(', ')}]`;

/** The name of source column `index` inside our queries, so that no source text is ever an identifier. */
export const cellName = (index: number): string => `c${index}`;
