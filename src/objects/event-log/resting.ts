/**
 * Endpoints that can send nothing for a while and have said so: they are not woken meanwhile, so that they cost the others
 * nothing. Each says when it can send again; one that does not, since it crashed, say, is woken at the end of its time.
 *
 * In memory: an object that starts anew wakes everybody.
 */
import { LONGEST_REST_MS, type Reader } from './messages.ts';

export class Resting {
  readonly #rests = new Map<string, { readonly reader: Reader; readonly until: number }>();

  begin(reader: Reader, ms: number, now: number): void {
    this.#rests.set(reader.name, { reader, until: now + Math.min(ms, LONGEST_REST_MS) });
  }

  end(name: string): void {
    this.#rests.delete(name);
  }

  /** Until when it rests (ms since the epoch), if it does; not one of the same name that is another, or another's now. */
  until({ name, since, origin }: Reader, now: number): number | undefined {
    const rest = this.#rests.get(name);
    if (rest === undefined) return undefined;
    const isSame = rest.reader.since === since && rest.reader.origin === origin;
    // One that ends later than any was begun by a clock that has been put right since.
    if (isSame && now < rest.until && rest.until <= now + LONGEST_REST_MS) return rest.until;
    this.#rests.delete(name);
    return undefined;
  }
}
