import { nearest, sourceError } from '@songhua/connector-sdk';
import { codeOf, type SonghuaError } from '@songhua/domain';

/** `source.missing` that says what exists instead. */
export function missing(
  what: 'table' | 'column',
  name: string,
  where: string,
  known: string[],
  cause?: unknown,
): SonghuaError {
  const near = nearest(name, known);
  const hint = near.length > 0 ? `did you mean ${near.map((one) => JSON.stringify(one)).join(', ')}?` : undefined;
  const otherwise = `correct the connector's ${what}, or grant its user access to it`;
  return sourceError('source.missing', `${where} has no ${what} ${JSON.stringify(name)}; ${hint ?? otherwise}`, {
    cause,
    details: { near },
  });
}

export const isMissing = (error: unknown): boolean => codeOf(error) === 'source.missing';
