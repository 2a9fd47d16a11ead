import canonicalize from 'canonicalize';

/**
 * JSON text by RFC 8785: the same for the same value, whatever the order in which its names were set; '' for undefined. Fields that are
 * undefined are no fields.
 */
export function canonicalJson(value: unknown): string {
  return canonicalize(value) ?? '';
}
