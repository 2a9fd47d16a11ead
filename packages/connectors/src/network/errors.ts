import { sourceError } from '@songhua/connector-sdk';
import { codeOf } from '@songhua/domain';

/** Says of a failed connection whose it is: a refused address, a certificate, or a machine that is not there. */
export function connectError(error: unknown, where: string): unknown {
  const code = codeOf(error) ?? '';
  if (/^(source|connector)\./.test(code)) return error;
  if (isTlsError(code))
    return sourceError(
      'source.refused',
      `${where} has no valid TLS certificate or speaks only TLS older than 1.2 (${code}); its server must be put right, or its private CA given`,
      { cause: error, details: { tls: code } },
    );
  return sourceError(
    'source.unreachable',
    `${where} cannot be reached (${code || 'no code'}); check address and network`,
    { cause: error },
  );
}

/** Codes that OpenSSL and Node give to certificates and handshakes. */
export const isTlsError = (code: string): boolean =>
  /^(CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|ERR_TLS|ERR_SSL|ERR_OSSL|EPROTO|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH|CRL_)/.test(
    code,
  );
