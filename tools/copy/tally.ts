/** What was done so far, and what could not be done, with its reason. Everything that is told at the end is counted here. */

import { quoted } from '../registry/outcome.ts';

export type ItemKind = 'catalog' | 'repository' | 'tag' | 'manifest' | 'blob' | 'referrers';

export interface FailedItem {
  readonly kind: ItemKind;
  /** `team/app:1.2`, `team/app@sha256:…`, or a repository. */
  readonly name: string;
  readonly reason: string;
}

/** How a blob came to be in the target's repository, or why it need not. */
export type BlobEnd = 'copied' | 'skipped' | 'mounted' | 'foreign';
export type Copied = 'copied' | 'skipped';

/** More than these are counted and not kept. */
const MAX_KEPT_FAILURES = 10_000;

export class Tally {
  repositories = 0;
  readonly tags = { copied: 0, skipped: 0 };
  readonly manifests = { copied: 0, skipped: 0 };
  /** Each counts once for each repository that has it. `foreign`: the source does not have it either, by intention. */
  readonly blobs = { copied: 0, skipped: 0, mounted: 0, foreign: 0 };
  /** Of blobs and of manifests that were copied. */
  readonly bytes = { copied: 0, skipped: 0, mounted: 0 };
  readonly failed: FailedItem[] = [];
  failures = 0;
  /** Bytes of blobs that were sent, those of tries that failed among them. */
  sentBytes = 0;
  /** What is under way. */
  readonly current = new Set<string>();
  readonly #onChange: () => void;
  readonly #signal: AbortSignal;

  constructor(signal: AbortSignal, onChange: () => void) {
    this.#signal = signal;
    this.#onChange = onChange;
  }

  repository(): void {
    this.repositories += 1;
    this.#onChange();
  }

  tag(end: Copied): void {
    this.tags[end] += 1;
    this.#onChange();
  }

  manifest(end: Copied, size: number): void {
    this.manifests[end] += 1;
    if (end === 'copied') this.bytes.copied += size;
    this.#onChange();
  }

  blob(end: BlobEnd, size: number): void {
    this.blobs[end] += 1;
    if (end !== 'foreign') this.bytes[end] += size;
    this.#onChange();
  }

  sent(bytes: number): void {
    this.sentBytes += bytes;
    this.#onChange();
  }

  /** What was stopped has not failed. */
  fail(kind: ItemKind, name: string, reason: string): void {
    if (this.#signal.aborted) return;
    this.failures += 1;
    // A registry's own words may be in both, and both are shown on a terminal.
    if (this.failed.length < MAX_KEPT_FAILURES) this.failed.push({ kind, name: quoted(name), reason: quoted(reason) });
    this.#onChange();
  }

  /** Names what is under way for as long as it is. */
  async during<Value>(name: string, work: () => Promise<Value>): Promise<Value> {
    this.current.add(name);
    this.#onChange();
    try {
      return await work();
    } finally {
      this.current.delete(name);
    }
  }
}
