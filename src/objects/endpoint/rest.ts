/**
 * What an endpoint that can send nothing has the log know: that it need not be woken for a while, and that it listens again. Between
 * the two it hears of nothing, so whoever ends its rest reads the log after that.
 */
import type { Answer } from '../../observability/work.ts';
import type { Reader } from '../event-log/messages.ts';

export interface RestLog {
  readonly rests: (reader: Reader, ms: number) => Promise<Answer<null>>;
  readonly listens: (name: string) => Promise<Answer<null>>;
}

export class Rest {
  readonly #log: RestLog;
  /** The last word of it, which comes behind all before it. */
  #begun: { readonly name: string; readonly told: Promise<Answer<null>> } | undefined;

  constructor(log: RestLog) {
    this.#log = log;
  }

  begin(reader: Reader, ms: number): Promise<Answer<null>> {
    const told = this.#last().then(() => this.#log.rests(reader, ms));
    this.#begun = { name: reader.name, told };
    return told;
  }

  /** @returns whether there was a rest to end, and something may have been missed */
  async end(): Promise<boolean> {
    const begun = this.#begun;
    if (begun === undefined) return false;
    await this.#last();
    await this.#log.listens(begun.name);
    if (this.#begun === begun) this.#begun = undefined;
    return true;
  }

  /** Fulfilled when the log has had all that was said, or won't have it any more. */
  async #last(): Promise<void> {
    await this.#begun?.told.catch(() => undefined);
  }
}
