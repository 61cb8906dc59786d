/**
 * Which tokens of jobs, and which names of a proxy's, this isolate has seen: they come with each request, and signing in is
 * told once.
 */

const MOST_REMEMBERED = 2_000;

class FirstUses {
  /** SHA-256 of tokens, and principals (`proxy:alice`); least lately used first. */
  readonly #seen = new Set<string>();

  isFirst(use: string): boolean {
    const isFirst = !this.#seen.delete(use);
    this.#seen.add(use);
    const [oldest] = this.#seen;
    if (this.#seen.size > MOST_REMEMBERED && oldest !== undefined) this.#seen.delete(oldest);
    return isFirst;
  }
}

/** One an isolate. */
export const FIRST_USES = new FirstUses();
