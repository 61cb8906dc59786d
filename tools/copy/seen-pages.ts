/**
 * The pages of one list that were asked for, so that a list that goes in circles, or never ends, is noticed. A source says
 * how long their addresses are: of each only a hash is kept.
 */
import { createHash } from 'node:crypto';

/** A list of more never ends. */
export const MAX_PAGES = 20_000;

export class SeenPages {
  readonly #hashes = new Set<string>();

  get isEmpty(): boolean {
    return this.#hashes.size === 0;
  }

  add(page: URL): void {
    this.#hashes.add(hashOf(page));
  }

  /** Whether a page may come next; `full` where there were as many as a list may have. */
  judge(page: URL): 'new' | 'seen' | 'full' {
    if (this.#hashes.has(hashOf(page))) return 'seen';
    return this.#hashes.size < MAX_PAGES ? 'new' : 'full';
  }
}

function hashOf({ href }: URL): string {
  return createHash('sha256').update(href).digest('base64');
}
