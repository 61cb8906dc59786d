/**
 * How many bytes an upload session has, as the answers that went by said: it saves asking for each layer. What is not
 * known is asked for, and the registry refuses a chunk whose place is wrong, so this may forget anything.
 */
import { headerOf, type HeaderList } from './headers.ts';
import { upstreamPath, type Place } from './locations.ts';
import { committedOf } from './resumption.ts';

/** More than are open at once. */
const MOST_SESSIONS = 1_000;
const ACCEPTED = 202;

export class SessionOffsets {
  /** By the path of a session, without its query, the one heard of last at the end. */
  readonly #offsets = new Map<string, number>();

  at(path: string): number | undefined {
    return this.#offsets.get(withoutQuery(path));
  }

  learn(method: string, place: Place, status: number, headers: HeaderList): void {
    if (method !== 'POST' && method !== 'PATCH') return;
    this.#offsets.delete(withoutQuery(place.path));
    const location = headerOf(headers, 'location');
    if (status !== ACCEPTED || location === undefined) return;
    const path = upstreamPath(location, place);
    // A session that was just opened has nothing. Of any other `0-0` may mean a byte as well.
    const committed = method === 'POST' ? 0 : committedOf(headerOf(headers, 'range'));
    if (path === undefined || committed === undefined || (committed === 0 && method === 'PATCH')) return;
    this.#set(withoutQuery(path), committed);
  }

  #set(path: string, committed: number): void {
    this.#offsets.delete(path);
    this.#offsets.set(path, committed);
    const [oldest] = this.#offsets.keys();
    if (this.#offsets.size > MOST_SESSIONS && oldest !== undefined) this.#offsets.delete(oldest);
  }
}

function withoutQuery(path: string): string {
  return path.split('?', 1)[0] ?? path;
}
