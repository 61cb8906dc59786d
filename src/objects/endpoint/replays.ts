/** What an administrator wants sent again, as spans of the log. */
import type { WorkMeter } from '../../observability/work.ts';
import type { Objects } from '../stubs.ts';
import type { Span } from '../event-log/messages.ts';
import { joined, runsOf } from './spans.ts';
import type { Replay, ReplayResult } from './messages.ts';
import type { Readings } from './readings.ts';
import { MOST_DEAD_LETTERS, type Records } from './records.ts';

/** The spans, and the dead letters that they stand for. */
export interface Asked {
  readonly spans: readonly Span[];
  readonly letters: readonly number[];
}

export class Replays {
  readonly #readings: Readings;
  readonly #records: Records;

  constructor(readings: Readings, records: Records) {
    this.#readings = readings;
    this.#records = records;
  }

  async asked(replay: Replay, log: ReturnType<Objects['eventLog']>, meter: WorkMeter): Promise<Asked> {
    switch (replay.kind) {
      case 'span':
        return { spans: [{ first: replay.first, last: replay.last }], letters: [] };
      case 'ids':
        return { spans: runsOf(await meter.call(log.cursorsOf(replay.ids))), letters: [] };
      case 'time': {
        const span = await meter.call(log.spanOf(replay.from, replay.to));
        return { spans: span === undefined ? [] : [span], letters: [] };
      }
      case 'dead-letters':
        return this.#ofLetters(replay.numbers);
    }
  }

  /** Within a transaction: all of it, or nothing. */
  begin({ spans, letters }: Asked): ReplayResult {
    if (!this.#readings.hasRoomFor(spans.length)) return { kind: 'too-many' };
    for (const { first, last } of spans) this.#readings.addReplay(first, last);
    this.#records.unburied(letters);
    return { kind: 'begun', spans: spans.length };
  }

  #ofLetters(numbers: readonly number[] | 'all'): Asked {
    const wanted = numbers === 'all' ? undefined : new Set(numbers);
    const letters = this.#records
      .deadLetters(0, MOST_DEAD_LETTERS)
      .filter(({ number }) => wanted === undefined || wanted.has(number))
      .sort((one, other) => one.first - other.first);
    return { spans: joined(letters), letters: letters.map(({ number }) => number) };
  }
}
