/** A TLS handshake for its own sake: the certificate that a server shows, whether it is trusted or not (RFC 8446 §4.4.2). */
import { once } from 'node:events';
import { isIP } from 'node:net';
import { checkServerIdentity, connect, getCACertificates, type DetailedPeerCertificate } from 'node:tls';
import { systemErrorCode } from '../../standalone/start-failure.ts';
import { quoted } from '../registry/outcome.ts';
import { bareHost } from './arguments.ts';
import type { SeenCertificate } from './certificate.ts';
import type { VisitSettings } from './visit.ts';

const HTTPS_PORT = 443;
const MOST_IN_CHAIN = 16;

/** What Node brings, what this machine trusts, as docker does, and what the file has. */
export function trusted(ca: string | undefined): string[] {
  return [...new Set([...['bundled', 'system', 'extra'].flatMap(certificatesOf), ...(ca === undefined ? [] : [ca])])];
}

function certificatesOf(kind: string): string[] {
  try {
    return kind === 'bundled' || kind === 'system' || kind === 'extra' ? getCACertificates(kind) : [];
  } catch {
    // A machine without a store of its own.
    return [];
  }
}

/** Rejects when there is no handshake. */
export async function lookAtCertificate(
  url: URL,
  { ca, certificate: shown }: Pick<VisitSettings, 'ca' | 'certificate'>,
  signal: AbortSignal,
): Promise<SeenCertificate> {
  const host = bareHost(url.hostname);
  const port = url.port === '' ? HTTPS_PORT : Number(url.port);
  const socket = connect({
    host,
    port,
    ca: [...ca],
    ...shown,
    // It is looked at here, and nothing is sent.
    rejectUnauthorized: false,
    ...(isIP(host) === 0 ? { servername: host } : {}),
  });
  try {
    await once(socket, 'secureConnect', { signal });
    const certificate = socket.getPeerCertificate(true);
    const names = certificate.subjectaltname;
    return {
      host,
      registry: url.host,
      distrust: socket.authorized ? undefined : distrustOf(socket.authorizationError),
      otherName: checkServerIdentity(host, certificate)?.message,
      names: names === undefined ? undefined : quoted(names),
      validFrom: new Date(certificate.valid_from),
      validTo: new Date(certificate.valid_to),
      issuer: quoted(nameOf(certificate)),
      sent: chainLength(certificate),
      namesIssuersPlace: certificate.infoAccess?.['CA Issuers - URI'] !== undefined,
    };
  } finally {
    socket.destroy();
  }
}

/** Node's types say that it is an error; it is its code, as a string. A name that does not match is judged by itself. */
function distrustOf(error: unknown): string | undefined {
  const code = typeof error === 'string' ? error : (systemErrorCode(error) ?? String(error));
  return code === 'ERR_TLS_CERT_ALTNAME_INVALID' ? undefined : code;
}

function nameOf({ issuer }: DetailedPeerCertificate): string {
  const [name] = [issuer.CN, issuer.O].flat().filter((part) => part !== undefined && part !== '');
  return name ?? 'nobody that is named';
}

/** Where what signed it was not sent and is not known here, the chain ends. */
function chainLength(certificate: DetailedPeerCertificate): number {
  const seen = new Set<DetailedPeerCertificate>();
  // The types say that there always is an issuer.
  let one: DetailedPeerCertificate | undefined = certificate;
  while (one !== undefined && !seen.has(one) && seen.size < MOST_IN_CHAIN) {
    seen.add(one);
    one = issuerOf(one);
  }
  return seen.size;
}

function issuerOf(certificate: DetailedPeerCertificate): DetailedPeerCertificate | undefined {
  return certificate.issuerCertificate;
}
