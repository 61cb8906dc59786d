/**
 * The running SHA-256 of a session. It lives in memory only, since native hash state cannot be written down; the
 * digest so far is journalled with every commit, which serves the commonest push even after an eviction.
 */
import { createHash, type Hash } from 'node:crypto';
import type { Journal } from './journal.ts';

export class RunningHash {
  #kept: { committed: number; hash: Hash } | undefined;

  /** The hash of the first `committed` bytes, if it is known or cheap to find: `undefined` means a read back later. */
  at(committed: number, journal: Journal): Hash | undefined {
    if (committed === 0) return createHash('sha256');
    if (this.#kept?.committed === committed) return this.#kept.hash.copy();
    if (journal.lastPart() > 0) return undefined;
    const hash = createHash('sha256');
    for (const piece of journal.tailPieces()) hash.update(piece);
    return hash;
  }

  keep(committed: number, hash: Hash | undefined): void {
    this.#kept = hash === undefined ? undefined : { committed, hash };
  }
}
