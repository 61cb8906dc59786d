/**
 * Puts events into Berth's log, as many as it is asked for, from within workerd: what is measured is the way of an event from
 * the queue on, not that of a push.
 *
 *   POST /log?first=N&batches=N     batches of a hundred events, straight into the log, one after the other
 *   POST /queue?first=N&batches=N   the same into the queue, as a repository sends them
 *   GET /last                       the cursor of the log's last event
 *   GET /reached?cursor=N           is answered once the log has come so far
 */
import type * as workers from '@cloudflare/workers-types';
import type { RegistryEvent } from '../../src/notifications/event.ts';
import { newUuid } from '../../src/notifications/uuid.ts';

// The bench is checked with Node's types; what runs here are workerd's.
declare const Response: typeof workers.Response;

/** As large as a batch of the queue can be. */
const BATCH_EVENTS = 100;
const REPOSITORIES = 50;
const POLL_MS = 5;
/** Of the queue's object and of the log's: src/objects/event-queue/producer.ts, src/objects/stubs.ts. */
const NAME = 'events';

interface Message {
  readonly kind: 'event';
  readonly event: Record<keyof RegistryEvent, unknown>;
}

interface Answer<T> {
  readonly result: T;
}

/** The methods of Berth's objects that are called here. */
interface Bindings {
  readonly EVENT_LOG: Namespace<{
    append(messages: readonly Message[], configured: readonly never[]): Promise<Answer<unknown>>;
    last(): Promise<Answer<number>>;
  }>;
  readonly EVENT_QUEUE: Namespace<{ send(messages: readonly Message[]): Promise<Answer<null>> }>;
}

interface Namespace<Stub> {
  idFromName(name: string): unknown;
  get(id: unknown): Stub;
}

export default {
  async fetch(request: workers.Request, { EVENT_LOG, EVENT_QUEUE }: Bindings): Promise<workers.Response> {
    const { pathname, searchParams } = new URL(request.url);
    const log = EVENT_LOG.get(EVENT_LOG.idFromName(NAME));
    const queue = EVENT_QUEUE.get(EVENT_QUEUE.idFromName(NAME));
    const asked = (name: string): number => Number(searchParams.get(name));
    const last = async (): Promise<number> => (await log.last()).result;
    switch (pathname) {
      case '/log':
        for (const batch of batches(asked('first'), asked('batches'))) await log.append(batch, []);
        break;
      case '/queue':
        for (const batch of batches(asked('first'), asked('batches'))) await queue.send(batch);
        break;
      case '/reached':
        while ((await last()) < asked('cursor')) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
        break;
    }
    return Response.json({ last: await last() });
  },
};

function* batches(first: number, count: number): Generator<Message[]> {
  for (let batch = 0; batch < count; batch += 1) {
    const from = first + batch * BATCH_EVENTS;
    yield Array.from({ length: BATCH_EVENTS }, (_, index) => ({ kind: 'event', event: eventOf(from + index) }));
  }
}

/** The push of a tagged image of a few layers; repositories come in turn, and each counts its own. */
function eventOf(index: number): Message['event'] {
  const now = Date.now();
  const repository = `team-${String(index % REPOSITORIES)}/app`;
  const descriptor = (mediaType: string, part: number): object => ({
    mediaType,
    digest: `sha256:${(index * 10 + part).toString(16).padStart(64, '0')}`,
    size: 1_000 + part,
  });
  const layer = 'application/vnd.oci.image.layer.v1.tar+gzip';
  return {
    version: 1,
    id: newUuid(now),
    at: now,
    kind: 'manifest.push',
    repository,
    sequence: { incarnation: 'bench', number: Math.floor(index / REPOSITORIES) + 1 },
    target: {
      ...descriptor('application/vnd.oci.image.manifest.v1+json', 0),
      tag: 'latest',
      references: [
        descriptor('application/vnd.oci.image.config.v1+json', 1),
        descriptor(layer, 2),
        descriptor(layer, 3),
      ],
    },
    cause: {
      requestId: newUuid(now),
      method: 'PUT',
      origin: 'http://127.0.0.1:5000',
      address: '127.0.0.1',
      userAgent: 'docker/20.10.24 go/go1.19.8 os/linux arch/amd64',
      actor: { kind: 'user', name: 'alice' },
      deployment: 'bench',
    },
  };
}
