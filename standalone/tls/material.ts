/** What TLS is spoken with, read from its files: a pair, and where clients have to show a certificate, who signs theirs. */
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import type { Config } from '../../src/config.ts';
import { isOpenToOthers } from '../settings/secret-text.ts';
import { unreadable } from '../setting-file.ts';
import { systemErrorCode } from '../start-failure.ts';
import { doubtsOf } from './doubts.ts';
import { parseCertificates, parsePair, problem, type KeyPair, type Result } from './key-pair.ts';

/** A chain of sixteen certificates has some 40 kB, a list of all public authorities 250 kB. */
const LARGEST_FILE_BYTES = 1024 * 1024;

/** Paths, as they were given. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  /** Undefined where clients need no certificate. */
  readonly clientCa: string | undefined;
}

/** Undefined where no certificate is set. */
export function tlsFilesOf(
  get: (name: 'tls-cert' | 'tls-key' | 'tls-client-ca') => string | undefined,
): TlsFiles | undefined {
  const [cert, key] = [get('tls-cert'), get('tls-key')];
  return cert === undefined || key === undefined ? undefined : { cert, key, clientCa: get('tls-client-ca') };
}

/** Where clients were told to find this port. Undefined where nobody said it, and behind a proxy, whose certificate they see. */
export function ownAddress({
  publicUrl,
  trustedProxy,
  proxySecrets,
}: Pick<Config, 'publicUrl' | 'trustedProxy' | 'proxySecrets'>): URL | undefined {
  return publicUrl === undefined || trustedProxy || proxySecrets.length > 0 ? undefined : new URL(publicUrl);
}

export interface Material {
  readonly pair: KeyPair;
  /** In PEM. */
  readonly clientCa: string | undefined;
  /** Differs where anything in the files does. */
  readonly version: string;
}

/** All files at one moment, or what is the matter with them in one line that says what to do. */
export function readMaterial({ cert, key, clientCa }: TlsFiles): Result<Material> {
  const texts: string[] = [];
  for (const [option, path] of [
    ['--tls-cert', cert],
    ['--tls-key', key],
    ['--tls-client-ca', clientCa],
  ] as const) {
    if (path === undefined) continue;
    const text = readText(option, path);
    if (text.kind === 'problem') return text;
    texts.push(text.value);
  }
  const [certText = '', keyText = '', authorities] = texts;
  const pair = parsePair({ cert: { path: cert, text: certText }, key: { path: key, text: keyText } });
  if (pair.kind === 'problem') return pair;
  if (clientCa !== undefined && authorities !== undefined) {
    const parsed = parseAuthorities(clientCa, authorities);
    if (parsed.kind === 'problem') return parsed;
  }
  const version = createHash('sha256').update(texts.join('\0')).digest('hex');
  return { kind: 'ok', value: { pair: pair.value, clientCa: authorities, version } };
}

/** What is said of it at a start and after a renewal, though it is served. */
export function materialDoubts({ pair }: Material, files: TlsFiles, now: Date, host?: string): string[] {
  const isOpen = isOpenToOthers(statSync(files.key, { throwIfNoEntry: false })?.mode ?? 0);
  return [
    ...doubtsOf(pair, files.cert, now, host),
    ...(isOpen ? [`everybody on this machine may read the key in ${files.key}: chmod o-rwx ${files.key}`] : []),
  ];
}

/** OpenSSL, unlike Go, trusts nobody whose root it does not have. */
function parseAuthorities(path: string, text: string): Result<unknown> {
  const parsed = parseCertificates(path, text);
  if (parsed.kind === 'problem' || parsed.value.some((one) => one.ca && one.checkIssued(one))) return parsed;
  return problem(
    `${path} holds no certificate of a root (CA:TRUE, signed by itself): --tls-client-ca wants that of the authority that signs the clients' certificates`,
  );
}

function readText(option: string, path: string): Result<string> {
  try {
    if (statSync(path).size > LARGEST_FILE_BYTES)
      return problem(`${option} ${path} is too large: it may have ${String(LARGEST_FILE_BYTES)} bytes`);
    return { kind: 'ok', value: readFileSync(path, 'utf8') };
  } catch (error) {
    return problem(`${option} ${unreadable(path, systemErrorCode(error))}`);
  }
}
