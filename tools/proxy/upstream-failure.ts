/** Why the registry could not be asked: a few words for people, from what Node and the system say. Pure. */
import { systemErrorCode } from '../../standalone/start-failure.ts';
import { untrustedCertificate } from '../../standalone/untrusted-certificate.ts';

/** `https://registry.example can't be reached: the name registry.example is unknown`, without a full stop. */
export function describeFailure(error: unknown, upstream: URL): string {
  return `${upstream.origin} ${reason(error, upstream)}`;
}

function reason(error: unknown, { hostname, protocol, host }: URL): string {
  // Where a name has several addresses, one failure each; the first is as good as any.
  const one: unknown = error instanceof AggregateError ? (error.errors[0] ?? error) : error;
  const code = systemErrorCode(one) ?? '';
  const untrusted = untrustedCertificate(one);
  if (untrusted !== undefined)
    return `has a certificate that is not trusted here (${untrusted}); --ca FILE names the certificate that signed it`;
  switch (code) {
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `can't be reached: the name ${hostname} is not known here; look for a typing error, or at the network`;
    case 'ECONNREFUSED':
      return `can't be reached: nobody listens there; look at the name and the port`;
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'ETIMEDOUT':
      return `can't be reached: no answer from there (${code}); look at the network`;
    case 'ECONNRESET':
    case 'EPIPE':
      return 'broke the connection off';
    case 'CERT_HAS_EXPIRED':
      return 'has a certificate that has expired; or the clock of this machine is wrong';
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return `has a certificate for another name than ${hostname}`;
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
    case 'EPROTO':
      return `does not speak TLS; is it http://${host}?`;
    default: {
      const message = one instanceof Error ? one.message : String(one);
      return protocol === 'http:' && code.startsWith('HPE_')
        ? `does not speak HTTP; is it https://${host}?`
        : `failed: ${message}`;
    }
  }
}
