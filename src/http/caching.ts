/** Cache headers. What is not immutable says `no-store`, since some caches keep what says nothing. */
import { isPublic } from '../auth/policy.ts';
import type { RepositoryContext } from './context.ts';

const IMMUTABLE_SECONDS = 31_536_000;

/**
 * For bytes that their digest names. Private unless the repository is readable by everybody; `no-transform` keeps the
 * edge from compressing JSON, which would change the bytes that the digest is of.
 */
export function immutable({ policy, repository }: Pick<RepositoryContext, 'policy' | 'repository'>): string {
  const scope = isPublic(policy, repository) ? 'public' : 'private';
  return `${scope}, max-age=${String(IMMUTABLE_SECONDS)}, immutable, no-transform`;
}

export const NEVER_CACHED = 'no-store, no-transform';
