/**
 * A certificate that this machine does not trust, in the errors of Node's TLS. Node's own words for it name an option of `node`,
 * which nobody can give to a program that is started by npm. Pure.
 */
import { systemErrorCode } from './start-failure.ts';

/** The codes of OpenSSL's verification (`X509_V_ERR_…`), as Node names them, that a person can do something about. */
const UNTRUSTED: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** Its code; undefined for any other error. */
export function untrustedCertificate(error: unknown): string | undefined {
  const code = systemErrorCode(error);
  return code !== undefined && UNTRUSTED.has(code) ? code : undefined;
}
