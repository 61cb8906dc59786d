/** References: a tag, or a digest (distribution-spec, "Pulling manifests": `<reference>`). */
import { parseDigest, type Digest } from './digest.ts';

declare const brand: unique symbol;
export type Tag = string & { readonly [brand]: 'Tag' };
export type Reference = { kind: 'tag'; tag: Tag } | { kind: 'digest'; digest: Digest };

const FORM = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;

export function parseTag(input: string): Tag | undefined {
  return isTag(input) ? input : undefined;
}

/** A colon cannot be in a tag, so with one it has to be a digest. */
export function parseReference(input: string): Reference | undefined {
  if (input.includes(':')) {
    const digest = parseDigest(input);
    return digest === undefined ? undefined : { kind: 'digest', digest };
  }
  const tag = parseTag(input);
  return tag === undefined ? undefined : { kind: 'tag', tag };
}

export function formatReference(reference: Reference): string {
  return reference.kind === 'tag' ? reference.tag : reference.digest;
}

function isTag(input: string): input is Tag {
  return FORM.test(input);
}
