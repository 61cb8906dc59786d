/** How far a tool is: a bar on a terminal, a line now and then anywhere else. */
import type { Writable } from 'node:stream';

const BAR_WIDTH = 24;
const BAR_PERIOD_MS = 100;
const LINE_PERIOD_MS = 10_000;
const MS_PER_SECOND = 1_000;
/** Before that a rate says nothing. */
const RATE_AFTER_MS = 500;

const CLEAR_LINE = '\r\u001b[K';

interface Amount {
  readonly done: number;
  readonly total: number;
  readonly elapsedMs: number;
}

type Output = Writable & { readonly isTTY?: boolean };

/** One line that is drawn over itself on a terminal, and printed now and then anywhere else. */
export class StatusLine {
  readonly #out: Output;
  readonly #now: () => number;
  #printed: number;

  constructor(out: Output, now = () => performance.now()) {
    this.#out = out;
    this.#now = now;
    this.#printed = now();
  }

  /** @param describe is asked only when it is time; on a terminal for as many characters as before. */
  update(describe: () => string): void {
    const now = this.#now();
    const isTTY = this.#out.isTTY === true;
    if (now - this.#printed < (isTTY ? BAR_PERIOD_MS : LINE_PERIOD_MS)) return;
    this.#printed = now;
    this.#out.write(isTTY ? `\r${describe()}` : `${describe()}\n`);
  }

  /** So that something else can be printed, or nothing is left of it at the end. */
  clear(): void {
    if (this.#out.isTTY === true) this.#out.write(CLEAR_LINE);
  }
}

export class Progress {
  readonly #line: StatusLine;
  readonly #isTTY: boolean;
  readonly #total: number;
  readonly #now: () => number;
  readonly #begun: number;
  #done = 0;

  constructor(out: Output, totalBytes: number, now = () => performance.now()) {
    this.#line = new StatusLine(out, now);
    this.#isTTY = out.isTTY === true;
    this.#total = totalBytes;
    this.#now = now;
    this.#begun = now();
  }

  readonly advance = (bytes: number): void => {
    this.#done += bytes;
    this.#line.update(() => {
      const amount = { done: this.#done, total: this.#total, elapsedMs: this.#now() - this.#begun };
      return this.#isTTY ? `${bar(amount)} ${describeAmount(amount)}` : describeAmount(amount);
    });
  };

  clear(): void {
    this.#line.clear();
  }
}

function bar({ done, total }: Amount): string {
  const filled = Math.min(BAR_WIDTH, Math.floor((done / Math.max(1, total)) * BAR_WIDTH));
  return `[${'#'.repeat(filled)}${'.'.repeat(BAR_WIDTH - filled)}]`;
}

/** Always as wide, so that a later one covers an earlier one. */
function describeAmount({ done, total, elapsedMs }: Amount): string {
  const percent = `${String(Math.floor((done / Math.max(1, total)) * 100)).padStart(3)}%`;
  const rate = elapsedMs < RATE_AFTER_MS ? '' : `${formatBytes((done / elapsedMs) * MS_PER_SECOND)}/s`;
  return `${percent} ${formatBytes(done).padStart(9)} of ${formatBytes(total).padEnd(9)} ${rate.padEnd(11)}`;
}

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB'] as const;
const UNIT_STEP = 1_000;

export function formatBytes(bytes: number): string {
  let amount = Math.round(bytes);
  let unit = 0;
  while (amount >= UNIT_STEP && unit < UNITS.length - 1) {
    amount /= UNIT_STEP;
    unit += 1;
  }
  return `${unit === 0 ? String(amount) : amount.toFixed(amount < 100 ? 1 : 0)} ${UNITS[unit] ?? ''}`;
}

/** `1 blob`, `2 blobs`; `1 repository`, `2 repositories`. */
export function count(number: number, noun: string): string {
  const plural = noun.endsWith('y') ? `${noun.slice(0, -1)}ies` : `${noun}s`;
  return `${String(number)} ${number === 1 ? noun : plural}`;
}
