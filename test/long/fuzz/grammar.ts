/** What names, tags, digests and conditions may look like, written down once more beside the registry's own. Pure. */
import type { Conditions, EntityTags } from './operation.ts';

const PART = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const NAME = new RegExp(`^${PART}(?:/${PART})*$`);
const LONGEST_NAME = 255;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

export function isName(text: string): boolean {
  return text.length <= LONGEST_NAME && NAME.test(text);
}

export function isTag(text: string): boolean {
  return TAG.test(text);
}

export function isDigest(text: string): boolean {
  return DIGEST.test(text);
}

/** The code that is answered to what is neither a tag nor a digest. */
export function referenceProblem(reference: string): 'DIGEST_INVALID' | 'TAG_INVALID' | undefined {
  if (reference.includes(':')) return isDigest(reference) ? undefined : 'DIGEST_INVALID';
  return isTag(reference) ? undefined : 'TAG_INVALID';
}

export function areMalformed({ ifMatch, ifNoneMatch }: Conditions): boolean {
  return ifMatch === 'malformed' || ifNoneMatch === 'malformed';
}

/** Of a request that changes something: whether it may. */
export function hold({ ifMatch, ifNoneMatch }: Conditions, current: string | undefined): boolean {
  return (
    (ifMatch === undefined || names(ifMatch, current)) && !(ifNoneMatch !== undefined && names(ifNoneMatch, current))
  );
}

export function names(tags: EntityTags | undefined, current: string | undefined): boolean {
  if (tags === undefined || tags === 'malformed' || current === undefined) return false;
  return tags === '*' || tags.includes(current);
}
