/**
 * What is wrong with a certificate that can be served all the same: clients will refuse it, or soon. Each is one line that
 * says what to do. Pure.
 */
import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { rootCertificates } from 'node:tls';
import { endsSoon, leftMs } from './certificate-life.ts';
import { subjectOf, type KeyPair } from './key-pair.ts';

/** RFC 5280 §4.2.1.12. */
const SERVER_AUTHENTICATION = '1.3.6.1.5.5.7.3.1';
const ANY_USAGE = '2.5.29.37.0';

/** @param host under which clients are told to reach the registry, if somebody said so */
export function doubtsOf({ chain }: KeyPair, path: string, now: Date, host?: string): string[] {
  const [leaf] = chain;
  return [
    validityDoubt(leaf, path, now),
    ...nameDoubts(leaf, path, host),
    usageDoubt(leaf, path),
    orderDoubt(chain, path),
  ].filter((doubt) => doubt !== undefined);
}

/** The one that time brings. */
export function validityDoubt(leaf: X509Certificate, path: string, now: Date): string | undefined {
  const { validFromDate: from, validToDate: until } = leaf;
  if (now < from)
    return `the certificate in ${path} is not valid before ${from.toISOString()}: is this machine's clock right?`;
  if (leftMs({ from, until }, now) <= 0)
    return `the certificate in ${path} has expired at ${until.toISOString()}: renew it, every client refuses it`;
  if (!endsSoon({ from, until }, now)) return undefined;
  return `the certificate in ${path} expires at ${until.toISOString()}: renew it; the new one is taken as soon as it is there`;
}

export function isValidAt({ validFromDate, validToDate }: X509Certificate, now: Date): boolean {
  return now >= validFromDate && now < validToDate;
}

function nameDoubts(leaf: X509Certificate, path: string, host: string | undefined): (string | undefined)[] {
  if ((leaf.subjectAltName ?? '') === '')
    return [
      `the certificate in ${path} names no host as its subjectAltName, and clients look nowhere else: have one made that does`,
    ];
  if (host === undefined) return [];
  const names = isIP(host) === 0 ? leaf.checkHost(host) : leaf.checkIP(host);
  if (names !== undefined) return [];
  return [
    `the certificate in ${path} is not for ${host}, where BERTH_PUBLIC_URL sends clients: it is for ${leaf.subjectAltName ?? ''}`,
  ];
}

function usageDoubt(leaf: X509Certificate, path: string): string | undefined {
  const usages = leaf.keyUsage as string[] | undefined;
  if (usages === undefined || usages.length === 0) return undefined;
  if (usages.includes(SERVER_AUTHENTICATION) || usages.includes(ANY_USAGE)) return undefined;
  return `the certificate in ${path} is none for servers: have one made with extendedKeyUsage=serverAuth`;
}

/** Go's clients sort a chain by themselves, others do not (RFC 5246 §7.4.2). */
function orderDoubt(chain: KeyPair['chain'], path: string): string | undefined {
  for (const [index, certificate] of chain.entries()) {
    const next = chain[index + 1];
    if (next !== undefined && !isIssuedBy(certificate, next))
      return `${path} has ${subjectOf(next)} behind ${subjectOf(certificate)}, which it has not signed: each certificate has to be followed by its issuer's`;
  }
  const last = chain.at(-1) ?? chain[0];
  if (isIssuedBy(last, last) || !isOfPublicAuthority(last) || isIssuedByRoot(last)) return undefined;
  return `${path} ends with ${subjectOf(last)} and lacks the certificate of its issuer: give the whole chain (certbot calls it fullchain.pem)`;
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

/** Public authorities say where their own certificate is to be had; of a private one nobody can tell what clients have. */
function isOfPublicAuthority({ infoAccess }: X509Certificate): boolean {
  return infoAccess?.includes('CA Issuers') ?? false;
}

/** Clients have those; as good as each, since all lists of roots are nearly the same. */
function isIssuedByRoot(certificate: X509Certificate): boolean {
  return rootCertificates.some((root) => certificate.checkIssued(new X509Certificate(root)));
}
