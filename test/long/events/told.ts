/**
 * What one receiver took, event by event: of each repository in the order of its numbers, each at least once. Whatever is out
 * of that order is a problem, and is told at the end.
 */
import * as v from 'valibot';

const Event = v.object({
  id: v.string(),
  target: v.object({ tag: v.optional(v.string()), digest: v.optional(v.string()) }),
  request: v.object({ useragent: v.string() }),
  berth: v.object({ kind: v.string(), repository: v.string(), sequence: v.number(), incarnation: v.string() }),
});
/** Tells of nothing that happened. */
const Ping = v.object({ berth: v.object({ kind: v.literal('ping') }) });
const Envelope = v.pipe(v.string(), v.parseJson(), v.object({ events: v.array(v.union([Ping, Event])) }));

export interface ToldEvent {
  readonly id: string;
  readonly kind: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
  /** The name of the attempt. */
  readonly attempt: string;
}

const MOST_PROBLEMS = 10;

/** distribution 3 has an empty text for what there is not. */
function given(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

export class Told {
  /** Of the endpoint. */
  readonly name: string;
  readonly problems: string[] = [];
  /** Events that it got more than once. */
  repeated = 0;
  readonly #events = new Map<string, ToldEvent[]>();
  readonly #attempts = new Set<string>();

  constructor(name: string) {
    this.name = name;
  }

  get count(): number {
    return [...this.#events.values()].reduce((sum, events) => sum + events.length, 0);
  }

  of(repository: string): readonly ToldEvent[] {
    return this.#events.get(repository) ?? [];
  }

  hasHeardOf(attempt: string): boolean {
    return this.#attempts.has(attempt);
  }

  /** A request that was answered with a 2xx. */
  took(body: string): void {
    for (const event of v.parse(Envelope, body).events) {
      if (v.is(Ping, event)) continue;
      const { id, target, request, berth } = event;
      const { kind, repository, sequence } = berth;
      this.#take(repository, sequence, {
        id,
        kind,
        tag: given(target.tag),
        digest: given(target.digest),
        attempt: request.useragent,
      });
    }
  }

  problem(text: string): void {
    if (this.problems.length < MOST_PROBLEMS) this.problems.push(`${this.name}: ${text}`);
  }

  #take(repository: string, number: number, event: ToldEvent): void {
    const events = this.#events.get(repository) ?? [];
    this.#events.set(repository, events);
    const known = events[number - 1];
    if (known !== undefined) {
      this.repeated += 1;
      if (known.id !== event.id) this.problem(`${repository} has two events of number ${String(number)}`);
      return;
    }
    if (number !== events.length + 1) {
      this.problem(`${repository}: number ${String(number)} came after ${String(events.length)}`);
      return;
    }
    events.push(event);
    this.#attempts.add(event.attempt);
  }
}
