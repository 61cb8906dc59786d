/** Bytes and their digests, each digest computed once. */
import { createHash } from 'node:crypto';

const KNOWN = new WeakMap<Uint8Array, Map<string, string>>();

/** `algorithm` as the digest names it. */
export function digestOfBytes(algorithm: string, bytes: Uint8Array): string {
  const known = KNOWN.get(bytes) ?? new Map<string, string>();
  KNOWN.set(bytes, known);
  const digest = known.get(algorithm) ?? `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
  known.set(algorithm, digest);
  return digest;
}

export function isOf(digest: string, bytes: Uint8Array): boolean {
  const [algorithm = ''] = digest.split(':');
  return digestOfBytes(algorithm, bytes) === digest;
}
