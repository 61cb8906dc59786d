/**
 * A certificate with its chain and the key that belongs to it, or in one line why the two files are none, and what to do.
 * Pure: it is given what stands in the files.
 */
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { describeError, systemErrorCode } from '../start-failure.ts';
import { PROTOCOL } from './protocol.ts';

const CERTIFICATE_BLOCK = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;
const KEY_BLOCK = /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----/;
/** A server's own, and more intermediates than any authority has. */
const MOST_CERTIFICATES = 16;

export interface PairFiles {
  readonly cert: { readonly path: string; readonly text: string };
  readonly key: { readonly path: string; readonly text: string };
}

export interface KeyPair {
  /** Both in PEM, as they came. */
  readonly cert: string;
  readonly key: string;
  /** The server's own certificate, then what stands behind it in the file. */
  readonly chain: readonly [X509Certificate, ...X509Certificate[]];
}

export type Result<T> =
  { readonly kind: 'ok'; readonly value: T } | { readonly kind: 'problem'; readonly message: string };

export function parsePair({ cert, key }: PairFiles): Result<KeyPair> {
  if (KEY_BLOCK.test(cert.text) && !cert.text.includes('BEGIN CERTIFICATE') && key.text.includes('BEGIN CERTIFICATE'))
    return problem(`${cert.path} holds a key and ${key.path} a certificate: --tls-cert and --tls-key are swapped`);
  const chain = parseCertificates(cert.path, cert.text);
  if (chain.kind === 'problem') return chain;
  const parsedKey = parseKey(key.path, key.text);
  if (parsedKey.kind === 'problem') return parsedKey;
  const [leaf, ...others] = chain.value;
  if (!leaf.checkPrivateKey(parsedKey.value)) {
    return others.some((other) => other.checkPrivateKey(parsedKey.value))
      ? problem(
          `${cert.path} does not begin with the certificate of ${key.path}: put that first, then its intermediates`,
        )
      : problem(
          `the key in ${key.path} does not belong to the certificate in ${cert.path} (${subjectOf(leaf)}): take both from the same renewal`,
        );
  }
  try {
    createSecureContext({ ...PROTOCOL, cert: cert.text, key: key.text });
  } catch (error) {
    return problem(
      `${cert.path} and ${key.path} can't be used (${reasonOf(error)}). Have a certificate made for a new key: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`,
    );
  }
  return { kind: 'ok', value: { cert: cert.text, key: key.text, chain: chain.value } };
}

/** Those of a file, in its order. */
export function parseCertificates(path: string, text: string): Result<[X509Certificate, ...X509Certificate[]]> {
  const blocks = text.match(CERTIFICATE_BLOCK) ?? [];
  if (blocks.length > MOST_CERTIFICATES)
    return problem(
      `${path} holds ${String(blocks.length)} certificates, and at most ${String(MOST_CERTIFICATES)} are taken`,
    );
  try {
    const [first, ...others] = blocks.map((block) => new X509Certificate(block));
    if (first !== undefined) return { kind: 'ok', value: [first, ...others] };
  } catch (error) {
    return problem(`${path} holds a certificate that can't be read (${reasonOf(error)}). Copy it again, as a whole`);
  }
  return problem(
    `${path} holds no certificate in PEM, which begins with -----BEGIN CERTIFICATE-----. openssl x509 -inform DER -in FILE makes it of DER`,
  );
}

function parseKey(path: string, text: string): Result<KeyObject> {
  if (text.includes('ENCRYPTED'))
    return problem(
      `the key in ${path} has a passphrase, which nobody could type at a restart. openssl pkey -in ${path} -out FILE takes it off`,
    );
  if (!KEY_BLOCK.test(text))
    return problem(`${path} holds no private key in PEM, which begins with -----BEGIN PRIVATE KEY-----`);
  try {
    return { kind: 'ok', value: createPrivateKey(text) };
  } catch (error) {
    return problem(`the key in ${path} can't be read (${reasonOf(error)}). Copy it again, as a whole`);
  }
}

/** OpenSSL's reason without its numbers; never what stands in a file. */
function reasonOf(error: unknown): string {
  const code = systemErrorCode(error);
  return (
    code
      ?.replace(/^ERR_(?:OSSL|SSL)_/, '')
      .toLowerCase()
      .replaceAll('_', ' ') ?? describeError(error)
  );
}

/** In one line: `CN=registry.example.org`. */
export function subjectOf({ subject }: Pick<X509Certificate, 'subject'>): string {
  return (subject as string | undefined)?.split('\n').join(', ') ?? 'without a name';
}

export function problem(message: string): { readonly kind: 'problem'; readonly message: string } {
  return { kind: 'problem', message };
}
