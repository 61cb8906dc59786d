/**
 * What clients asked of the registry, and what they know became of it. Each attempt has a name, which it sends as its user
 * agent and which each of its events repeats.
 */

export type Change =
  | { readonly kind: 'push-blob'; readonly digest: string }
  | { readonly kind: 'push'; readonly digest: string; readonly tag: string | undefined }
  | { readonly kind: 'delete-tag'; readonly tag: string }
  | { readonly kind: 'delete-manifest'; readonly digest: string };

/** `unknown`: there was no answer, so it was done or not. */
export type Outcome = 'done' | 'refused' | 'unknown';

export interface Attempt {
  readonly name: string;
  readonly change: Change;
  readonly outcome: Outcome;
}

/** Of each repository, the attempts in their order: one client at a time changes it, and waits for each answer. */
export class History {
  readonly repositories: readonly string[];
  readonly #attempts = new Map<string, Attempt[]>();
  #begun = 0;

  constructor(repositories: readonly string[]) {
    this.repositories = repositories;
    for (const repository of repositories) this.#attempts.set(repository, []);
  }

  /** Attempts that were named so far. */
  get count(): number {
    return this.#begun;
  }

  nextName(): string {
    this.#begun += 1;
    return `change-${String(this.#begun)}`;
  }

  ended(repository: string, attempt: Attempt): void {
    this.#attempts.get(repository)?.push(attempt);
  }

  of(repository: string): readonly Attempt[] {
    return this.#attempts.get(repository) ?? [];
  }

  /** How many ended in each way. */
  counts(): Record<Outcome, number> {
    const counts = { done: 0, refused: 0, unknown: 0 };
    for (const attempts of this.#attempts.values()) for (const { outcome } of attempts) counts[outcome] += 1;
    return counts;
  }
}
