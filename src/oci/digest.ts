/** Digests: `algorithm:hex` (image-spec descriptor.md, "Digests"). Parsed once, then carried as a typed value. */

declare const brand: unique symbol;
/** A digest of a registered algorithm, with exactly as many lower-case hex digits as that has. */
export type Digest = string & { readonly [brand]: 'Digest' };
export type DigestAlgorithm = 'sha256' | 'sha512';

const FORM = /^(?:sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})$/;

export function parseDigest(input: string): Digest | undefined {
  return isDigest(input) ? input : undefined;
}

export function parseDigestAlgorithm(input: string): DigestAlgorithm | undefined {
  return input === 'sha256' || input === 'sha512' ? input : undefined;
}

export function digestAlgorithm(digest: Digest): DigestAlgorithm {
  return digest.startsWith('sha256:') ? 'sha256' : 'sha512';
}

export function digestHex(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1);
}

/** Throws when `hex` is not a hash of that algorithm: that is a defect of the caller. */
export function formatDigest(algorithm: DigestAlgorithm, hex: string): Digest {
  const digest = parseDigest(`${algorithm}:${hex}`);
  if (digest === undefined) throw new Error(`'${hex.slice(0, 200)}' is no ${algorithm} in hex`);
  return digest;
}

function isDigest(input: string): input is Digest {
  return FORM.test(input);
}
