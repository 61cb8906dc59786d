/** Which tokens of jobs this isolate has seen: a job sends its own with each request, and signing in is told once. */

const MOST_REMEMBERED = 2_000;

class FirstUses {
  /** SHA-256 of tokens, least lately used first. */
  readonly #seen = new Set<string>();

  isFirst(hash: string): boolean {
    const isFirst = !this.#seen.delete(hash);
    this.#seen.add(hash);
    const [oldest] = this.#seen;
    if (this.#seen.size > MOST_REMEMBERED && oldest !== undefined) this.#seen.delete(oldest);
    return isFirst;
  }
}

/** One an isolate. */
export const FIRST_USES = new FirstUses();
