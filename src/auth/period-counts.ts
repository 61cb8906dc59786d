/** How often something happened by key, each key over a period of its own that begins with the first time. Bounded memory. */
export class PeriodCounts {
  readonly #periodMs: number;
  readonly #most: number;
  /** The oldest period first. */
  readonly #counts = new Map<string, { readonly since: number; count: number }>();

  /** @param most keys that are remembered; then the one whose period is oldest is forgotten */
  constructor(periodMs: number, most: number) {
    this.#periodMs = periodMs;
    this.#most = most;
  }

  /** @param now in ms since the epoch */
  of(key: string, now: number): number {
    return this.#current(key, now)?.count ?? 0;
  }

  /** Once more; the count with it. */
  add(key: string, now: number): number {
    const current = this.#current(key, now);
    if (current !== undefined) return (current.count += 1);
    this.#counts.delete(key);
    const [oldest] = this.#counts.keys();
    if (this.#counts.size >= this.#most && oldest !== undefined) this.#counts.delete(oldest);
    this.#counts.set(key, { since: now, count: 1 });
    return 1;
  }

  #current(key: string, now: number): { readonly since: number; count: number } | undefined {
    const known = this.#counts.get(key);
    return known !== undefined && now - known.since < this.#periodMs ? known : undefined;
  }
}
