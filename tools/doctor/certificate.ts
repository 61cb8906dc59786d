/**
 * What is wrong with a server's certificate, and what docker would say of it (Go's crypto/x509, RFC 5280, RFC 9525). Pure.
 */
import { DAY_MS, endsSoon, leftMs } from '../../standalone/tls/certificate-life.ts';
import { failed, ok, type Verdict } from './verdict.ts';

export interface SeenCertificate {
  /** The host that was asked, without brackets. */
  readonly host: string;
  /** With the port, as docker names its folder of certificates. */
  readonly registry: string;
  /** OpenSSL's code for why the chain is not trusted, as Node names it; undefined where it is. */
  readonly distrust: string | undefined;
  /** Node's words for a name that does not match; undefined where it does. */
  readonly otherName: string | undefined;
  /** `DNS:a.example, IP Address:192.0.2.1`; undefined where it has none. */
  readonly names: string | undefined;
  readonly validFrom: Date;
  readonly validTo: Date;
  readonly issuer: string;
  /** How many certificates the server sent. */
  readonly sent: number;
  /** Whether it says where its issuer's certificate is: the public authorities do. */
  readonly namesIssuersPlace: boolean;
}

export function judgeCertificate(seen: SeenCertificate, now: Date): Verdict {
  const { host, validFrom, validTo, issuer, otherName, names, distrust } = seen;
  if (validTo < now)
    return failed(
      `the certificate expired on ${dateOf(validTo)}, ${inDays(now.getTime() - validTo.getTime())} ago (docker: "x509: certificate has expired or is not yet valid")`,
      'Renew it; if it was renewed already, have the server read the new one (restart or reload it).',
    );
  if (validFrom > now)
    return failed(
      `the certificate is valid only from ${dateOf(validFrom)} on (docker: "x509: certificate has expired or is not yet valid")`,
      'Look at the clock of this machine, and at that of the one where it was made.',
    );
  if (names === undefined)
    return failed(
      `the certificate names its host in the common name alone (docker: "x509: certificate relies on legacy Common Name field, use SANs instead")`,
      `Have one made with subjectAltName=${/^[\d.]+$|:/.test(host) ? 'IP' : 'DNS'}:${host}.`,
    );
  if (otherName !== undefined)
    return failed(
      `the certificate is for ${listed(names)}, and not for ${host} (docker: "x509: certificate is valid for ${listed(names)}, not ${host}")`,
      `Ask under a name that it has, or have ${host} put into its subjectAltName.`,
    );
  if (distrust !== undefined) return judgeTrust(seen, distrust);
  const life = { from: validFrom, until: validTo };
  if (endsSoon(life, now))
    return failed(
      `the certificate expires on ${dateOf(validTo)}, in ${inDays(leftMs(life, now))}`,
      'Renew it, and find out why that did not happen by itself.',
    );
  return ok(`trusted, for ${host} until ${dateOf(validTo)}, signed by ${issuer}`);
}

function judgeTrust(seen: SeenCertificate, distrust: string): Verdict {
  const { registry, issuer, sent, namesIssuersPlace } = seen;
  const unknown = '(docker: "x509: certificate signed by unknown authority")';
  const privateCa = `--ca FILE names its certificate here; docker wants it as /etc/docker/certs.d/${registry}/ca.crt`;
  const wholeChain =
    'give the server the whole chain: its own certificate, then the one that signed it, in one file (fullchain.pem)';
  switch (distrust) {
    case 'CERT_HAS_EXPIRED':
    case 'CERT_NOT_YET_VALID':
      return failed(
        `a certificate in the chain above it has expired (docker: "x509: certificate has expired or is not yet valid")`,
        `Renew the chain: ${wholeChain}.`,
      );
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
      return failed(`the certificate is signed by itself ${unknown}`, `If it is yours: ${privateCa}.`);
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
      if (sent === 1 && namesIssuersPlace)
        return failed(
          `the server sends its certificate without the one that signed it, ${issuer} ${unknown}`,
          `Browsers fetch that, docker does not: ${wholeChain}.`,
        );
      return failed(
        `the certificate is signed by ${issuer}, which is not trusted here ${unknown}`,
        `If that authority is yours: ${privateCa}.${sent === 1 ? ` If it is not, the server leaves out what signed it: ${wholeChain}.` : ''}`,
      );
    default:
      return failed(`the certificate is not trusted here (${distrust})`, `Have it looked at: ${wholeChain}.`);
  }
}

function dateOf(date: Date): string {
  return date.toISOString().slice(0, 'yyyy-mm-dd'.length);
}

function inDays(ms: number): string {
  const days = Math.floor(ms / DAY_MS);
  return days === 0 ? 'less than a day' : days === 1 ? '1 day' : `${String(days)} days`;
}

function listed(names: string): string {
  return names.replace(/(?:DNS|IP Address):/g, '');
}
