/**
 * What happens in the whole registry, live: `/admin/events/stream`, as server-sent events (HTML standard §9.2). The id of each is its
 * cursor in the log, so a client that comes again says with `Last-Event-ID` where it stopped.
 *
 * Nothing is kept for a reader: the next page of the log is read once the last one was taken, and who takes too long is cut off.
 * Nobody tells when a client has gone away (under `npm start` not even the stream's end runs), so a place is held by a lease
 * of the log's (objects/event-log/following.ts).
 */
import { matchesRepository, parsePattern, type Pattern } from '../../auth/patterns.ts';
import { EVENT_KINDS, type EventKind, type RegistryEvent } from '../../notifications/event.ts';
import { MOST_FOLLOWERS } from '../../objects/event-log/following.ts';
import type { EventPage } from '../../objects/event-log/messages.ts';
import { logEvent } from '../../observability/log.ts';
import { WorkMeter } from '../../observability/work.ts';
import { RegistryError } from '../../oci/error.ts';
import { query } from '../context.ts';
import { mistakes } from '../json-body.ts';
import type { AdminContext } from './administrator.ts';
import { demandEvents } from './known-endpoint.ts';
import { cursorOf, demandParameters, dropped, listedEvent } from './listed-event.ts';

const MOST_FILTERS = 20;
/** Of a page, by its reader; the lease is longer. */
const LONGEST_TAKING_MS = 30_000;
/** Of calls to objects, of which Cloudflare allows a request 1,000: then the client comes again. */
const MOST_READS = 400;
/** How long a revoked token goes on hearing. */
const ASKED_AGAIN_MS = 60_000;
const FULL_RETRY_SECONDS = 15;
/** How long a client waits until it comes again. */
const COMES_AGAIN_MS = 2_000;
const HEARTBEAT = ':\n\n';

type Filter = (event: RegistryEvent) => boolean;
type Page = Extract<EventPage, { kind: 'page' }>;

export async function streamEvents(context: AdminContext): Promise<Response> {
  const { meter, objects, request } = context;
  demandParameters(context, ['after', 'repository', 'event']);
  demandEvents(context);
  const filter = filterOf(context.url.searchParams);
  const seen = request.headers.get('last-event-id') ?? query(context, 'after');
  const log = objects.eventLog();
  const after = seen === undefined ? await meter.call(log.last()) : cursorOf(seen, 'Last-Event-ID');
  const id = crypto.randomUUID();
  const first = await meter.call(log.follow(id, after, 0));
  if (first.kind === 'full') {
    throw new RegistryError('TOOMANYREQUESTS', {
      message: `${String(MOST_FOLLOWERS)} streams are open, and no more are served at once`,
      headers: { 'retry-after': String(FULL_RETRY_SECONDS) },
    });
  }
  if (first.kind !== 'page') throw dropped(first);
  const reader = new StreamReader(context, { id, filter, first });
  let silent: ReturnType<typeof setTimeout> | undefined;
  const body = new ReadableStream<Uint8Array>(
    {
      start: (controller) => {
        // The id counts though no event comes with it: who is cut off before the first one goes on from here.
        controller.enqueue(new TextEncoder().encode(`retry: ${String(COMES_AGAIN_MS)}\nid: ${String(after)}\n\n`));
      },
      pull: async (controller) => {
        clearTimeout(silent);
        const text = await reader.next();
        if (text === undefined) {
          controller.close();
          return;
        }
        controller.enqueue(new TextEncoder().encode(text));
        // Who takes nothing asks for nothing, and would keep its connection.
        silent = setTimeout(() => {
          controller.error(new Error('the client takes nothing'));
          void reader.end();
        }, LONGEST_TAKING_MS);
      },
      cancel: () => {
        clearTimeout(silent);
        return reader.end();
      },
    },
    { highWaterMark: 0 },
  );
  // A proxy that gathers an answer would show a stream when it is over (nginx).
  return new Response(body, { headers: { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' } });
}

/** One stream's way through the log. */
class StreamReader {
  readonly #context: AdminContext;
  readonly #id: string;
  readonly #filter: Filter;
  #first: Page | undefined;
  #cursor: number;
  #reads = 0;
  #toldAt = Date.now();
  #askedAt = Date.now();

  constructor(context: AdminContext, { id, filter, first }: { id: string; filter: Filter; first: Page }) {
    this.#context = context;
    this.#id = id;
    this.#filter = filter;
    this.#first = first.events.length > 0 ? first : undefined;
    this.#cursor = first.next;
  }

  /** What to send next; `undefined` where the stream ends. */
  async next(): Promise<string | undefined> {
    try {
      const page = this.#takeFirst() ?? (await this.#read());
      if (page === undefined) {
        await this.end();
        return undefined;
      }
      this.#toldAt = Date.now();
      this.#cursor = page.next;
      return written(page, this.#filter);
    } catch (error) {
      // A deployment, or rights that ended: a client that comes again is told which.
      const isRefusal = error instanceof RegistryError;
      if (!isRefusal) logEvent('warn', 'event stream ended', { id: this.#context.id, error: String(error) });
      await this.end();
      return undefined;
    }
  }

  /** Gives its place back. Where the log can't be told, the place is free once its lease is over. */
  async end(): Promise<void> {
    await this.#context.objects
      .eventLog()
      .unfollow(this.#id)
      .catch(() => undefined);
  }

  #takeFirst(): Page | undefined {
    const first = this.#first;
    this.#first = undefined;
    return first;
  }

  async #read(): Promise<Page | undefined> {
    const now = Date.now();
    this.#reads += 1;
    // Also where the timer comes late.
    if (now - this.#toldAt > LONGEST_TAKING_MS || this.#reads > MOST_READS) return undefined;
    if (now - this.#askedAt > ASKED_AGAIN_MS) {
      await this.#context.askAgain();
      this.#askedAt = now;
    }
    const log = this.#context.objects.eventLog();
    const page = await new WorkMeter().call(log.follow(this.#id, this.#cursor));
    return page.kind === 'page' ? page : undefined;
  }
}

/** A page without anything that is wanted still moves the client's cursor on, and without anything it is a sign of life. */
function written({ events, next }: Page, isWanted: Filter): string {
  if (events.length === 0) return HEARTBEAT;
  const wanted = events.filter(({ event }) => isWanted(event));
  const messages = wanted.map((logged) => {
    return `id: ${String(logged.cursor)}\ndata: ${JSON.stringify(listedEvent(logged))}\n\n`;
  });
  return wanted.at(-1)?.cursor === next ? messages.join('') : `${messages.join('')}id: ${String(next)}\n\n`;
}

/** Throws REQUEST_INVALID. */
function filterOf(parameters: URLSearchParams): Filter {
  const patterns = parameters.getAll('repository').map(patternOf);
  const kinds = new Set(parameters.getAll('event').flatMap((text) => text.split(',').map(kindOf)));
  if (patterns.length > MOST_FILTERS) throw mistakes([`there may be ${String(MOST_FILTERS)} patterns`]);
  return ({ kind, repository }) =>
    (kinds.size === 0 || kinds.has(kind)) &&
    (patterns.length === 0 || patterns.some((pattern) => matchesRepository(pattern, repository, undefined)));
}

function patternOf(text: string): Pattern {
  const result = parsePattern(text);
  if (!result.ok) throw mistakes([`repository ${result.message}`]);
  return result.pattern;
}

function kindOf(text: string): EventKind {
  const kind = EVENT_KINDS.find((known) => known === text);
  if (kind === undefined) throw mistakes([`event must be of ${EVENT_KINDS.join(', ')}`]);
  return kind;
}
