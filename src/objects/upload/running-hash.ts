/**
 * The running hash of a session, by the algorithm that its digest will have. It lives in memory only, since native hash
 * state cannot be written down; the digest so far is journalled with every commit, which serves the commonest push even
 * after an eviction.
 */
import { createHash, type Hash } from 'node:crypto';
import type { Journal, Session } from './journal.ts';

export class RunningHash {
  #kept: { committed: number; hash: Hash } | undefined;

  /** The hash of the first `committed` bytes, if it is known or cheap to find: `undefined` means a read back later. */
  at({ committed, algorithm }: Pick<Session, 'committed' | 'algorithm'>, journal: Journal): Hash | undefined {
    if (committed === 0) return createHash(algorithm);
    if (this.#kept?.committed === committed) return this.#kept.hash.copy();
    if (journal.lastPart() > 0) return undefined;
    const hash = createHash(algorithm);
    for (const piece of journal.tailPieces()) hash.update(piece);
    return hash;
  }

  keep(committed: number, hash: Hash | undefined): void {
    this.#kept = hash === undefined ? undefined : { committed, hash };
  }
}
