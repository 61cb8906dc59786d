/**
 * What an endpoint has to send next of the log. A page is kept until it is used up, since few of its events may be under way
 * at once; and at the end of the log nothing is read until something is heard of it.
 */
import type { EndpointDocument } from '../../notifications/endpoint-document.ts';
import { newUuid } from '../../notifications/uuid.ts';
import { logEvent } from '../../observability/log.ts';
import type { Database } from '../database.ts';
import type { EventPage, LoggedEvent } from '../event-log/messages.ts';
import type { Pending } from './burying.ts';
import { plan, type PlannedRequest } from './planning.ts';
import type { Reading } from './readings.ts';
import type { Standings } from './standing.ts';
import { MOST_BLOCKED, MOST_WAITING, type WaitingRequest } from './waiting.ts';

export interface Log {
  readonly read: (after: number, until: number | undefined) => Promise<EventPage>;
  readonly events: (cursors: readonly number[]) => Promise<readonly LoggedEvent[]>;
  /** The cursor of the newest event. */
  readonly last: () => Promise<number>;
}

/** A request that is sent now, with its events. */
export interface Going extends WaitingRequest {
  readonly events: readonly [LoggedEvent, ...LoggedEvent[]];
}

interface Parts extends Pending {
  readonly database: Database;
  readonly standings: Standings;
  readonly log: Log;
}

interface Page {
  readonly reading: number;
  /** The cursor that it begins after. */
  readonly from: number;
  readonly events: readonly LoggedEvent[];
  readonly isEnd: boolean;
  /** How often something was heard of the log before it was read. */
  readonly heard: number;
}

interface Sending {
  readonly document: EndpointDocument;
  /** How many may be sent. */
  readonly places: number;
  readonly lease: number;
  readonly now: number;
}

export class LogReader {
  readonly #parts: Parts;
  #page: Page | undefined;
  #heard = 0;
  /** What was heard when the end of the log was seen. */
  #endSeen = -1;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** The log may have something new. */
  hear(): void {
    this.#heard += 1;
  }

  /** How often that was said. */
  get heard(): number {
    return this.#heard;
  }

  /** Reads on, and writes down what is to be sent together with how far was read. Empty: there is nothing now. */
  async fresh(document: EndpointDocument, places: number, lease: number, now: number): Promise<Going[]> {
    for (;;) {
      const reading = this.#reading();
      if (reading === undefined) return [];
      const page = await this.#pageOf(reading, now);
      if (page === undefined) continue;
      const step = this.#parts.database.transaction(() => this.#take(reading, page, { document, places, lease, now }));
      if (step.kind === 'take') return step.going;
      if (step.kind === 'stop') return [];
    }
  }

  /** What is new comes first. */
  #reading(): Reading | undefined {
    const { newest, firstReplay } = this.#parts.readings;
    return this.#endSeen === this.#heard ? firstReplay : newest;
  }

  async #pageOf(reading: Reading, now: number): Promise<Page | undefined> {
    const { number, cursor, until } = reading;
    const known = this.#page;
    if (known?.reading === number && known.from <= cursor && cursor < (known.events.at(-1)?.cursor ?? 0)) {
      return { ...known, events: known.events.filter((event) => event.cursor > cursor) };
    }
    const heard = this.#heard;
    const read = await this.#parts.log.read(cursor, until);
    if (read.kind === 'page') {
      this.#page = { reading: number, from: cursor, events: read.events, isEnd: read.isEnd, heard };
      return this.#page;
    }
    this.#parts.database.transaction(() => {
      if (!this.#isStill(reading)) return;
      if (read.kind === 'ahead' && until === undefined) {
        // The log was put back to an earlier state. Rather tell again what it keeps than leave out what it has had since.
        logEvent('error', 'endpoint ahead of the log', { cursor, oldest: read.oldest });
        this.#parts.readings.begin(read.oldest);
        return;
      }
      const last = read.kind === 'ahead' ? (until ?? cursor) : Math.min(read.oldest, until ?? read.oldest);
      const reason = 'the log no longer has them';
      this.#parts.records.buried({ first: cursor + 1, last, event: undefined, at: now, reason });
      this.#parts.readings.moveTo(reading, last);
    });
    return undefined;
  }

  #take(
    reading: Reading,
    page: Page,
    { document, places, lease, now }: Sending,
  ): { kind: 'take'; going: Going[] } | { kind: 'on' } | { kind: 'stop' } {
    const { readings, waiting } = this.#parts;
    const standing = this.#parts.standings.get();
    if (standing === undefined || standing.isDisabled) return { kind: 'stop' };
    if (!this.#isStill(reading)) return { kind: 'on' };
    if (!this.#isInItsOrder(document, standing.ordering)) return { kind: 'stop' };
    const blocked = document.order === 'repository' ? waiting.blockedCount : 0;
    const { requests, next } = plan(document, page.events, reading.cursor, {
      most: places,
      mostWaiting: MOST_WAITING - (waiting.count - blocked),
      mostBlocked: MOST_BLOCKED - blocked,
      isBusy: (repository) => waiting.isAnyOf(repository),
    });
    const isWhole = next === (page.events.at(-1)?.cursor ?? reading.cursor);
    if (isWhole && page.isEnd) {
      if (reading.until === undefined) this.#endSeen = page.heard;
      readings.moveTo(reading, reading.until ?? next);
    } else if (next > reading.cursor) readings.moveTo(reading, next);
    const going = requests.flatMap((request) => this.#written(request, lease, now));
    if (going.length > 0) return { kind: 'take', going };
    return isWhole || next > reading.cursor ? { kind: 'on' } : { kind: 'stop' };
  }

  /** Another order counts once nothing waits: until then nothing is read. */
  #isInItsOrder({ order }: EndpointDocument, ordering: EndpointDocument['order']): boolean {
    if (order === ordering) return true;
    if (this.#parts.waiting.count > 0) return false;
    this.#parts.standings.setOrdering(order);
    return true;
  }

  #written({ events, isBlocked }: PlannedRequest, lease: number, now: number): Going[] {
    const { id: eventId, repository } = events[0].event;
    // One event keeps its own id, replayed or not: whoever has got it knows it again.
    const id = events.length === 1 ? eventId : newUuid(now);
    const members = events.map(({ cursor }) => cursor);
    const isNew = this.#parts.waiting.add({ id, members, repository }, now, isBlocked ? null : lease);
    return isNew && !isBlocked ? [{ id, members, repository, attempts: 0, begunAt: now, events }] : [];
  }

  /** An administrator may have changed what is to be read, while the log was asked. */
  #isStill(reading: Reading): boolean {
    return this.#parts.standings.get() !== undefined && this.#parts.readings.isAt(reading);
  }
}
