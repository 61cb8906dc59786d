/** How far the copy is, in one line. How much there is in all is known only when it is done, so there is no bar. */
import type { Writable } from 'node:stream';
import { formatBytes, StatusLine } from '../../standalone/maintenance/progress.ts';
import type { Tally } from './tally.ts';

const DEFAULT_COLUMNS = 80;
/** Of what is under way: the newest. */
const MAX_NAMES = 4;
const MS_PER_SECOND = 1_000;
/** Before that a rate says nothing. */
const RATE_AFTER_MS = 500;

export class ProgressLine {
  readonly #line: StatusLine;
  readonly #out: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly #now: () => number;
  readonly #begun: number;

  constructor(out: Writable & { readonly isTTY?: boolean; readonly columns?: number }, now = () => performance.now()) {
    this.#out = out;
    this.#now = now;
    this.#begun = now();
    this.#line = new StatusLine(out, now);
  }

  update(tally: Tally): void {
    this.#line.update(() => {
      const text = describeProgress(tally, this.#now() - this.#begun);
      if (this.#out.isTTY !== true) return text;
      // Always as wide, so that a later one covers an earlier one; the last column would begin a new line.
      const width = (this.#out.columns ?? DEFAULT_COLUMNS) - 1;
      return text.slice(0, width).padEnd(width);
    });
  }

  clear(): void {
    this.#line.clear();
  }
}

function describeProgress(tally: Tally, elapsedMs: number): string {
  const { repositories, tags, blobs, sentBytes, failures, current } = tally;
  const rate = elapsedMs < RATE_AFTER_MS ? '' : ` ${formatBytes((sentBytes / elapsedMs) * MS_PER_SECOND)}/s`;
  const done = [
    `${repositories} repos`,
    `${tags.copied + tags.skipped} tags`,
    `${blobs.copied + blobs.mounted} blobs sent`,
    `${blobs.skipped} there`,
    `${formatBytes(sentBytes)}${rate}`,
    ...(failures === 0 ? [] : [`${failures} failed`]),
  ];
  return [done.join(', '), ...[...current].slice(-MAX_NAMES).map(shortened)].join('  ');
}

/** Nobody reads more of a digest at a glance. */
function shortened(name: string): string {
  return name.replace(/@(sha\d+:[0-9a-f]{8})[0-9a-f]+$/, '@$1');
}
