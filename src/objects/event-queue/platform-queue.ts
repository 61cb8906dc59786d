/**
 * The consumer of Cloudflare's Queue. What fails comes again, later each time, for days. What failed to the end lies in
 * the bucket, where it costs nobody anything, and is appended from there by the hour: nothing is lost by waiting.
 *
 * Each message is read, and acknowledged, by itself: one that this release can not read takes no other with it.
 */
import * as v from 'valibot';
import { logEvent } from '../../observability/log.ts';
import { consumeEvents } from '../consume-events.ts';
import type { QueuedMessage } from '../event-log/messages.ts';
import { parseQueuedMessage } from '../event-log/queued-message.ts';

/** As wrangler.toml names the queue of dead letters. */
const DEAD_SUFFIX = '-dead';
const DEAD_PREFIX = 'events/dead/';
/** Moved back there, it is tried again: by a release that knows it. */
const UNREADABLE_PREFIX = 'events/unreadable/';
const NO_MESSAGE = 'no message that this release knows';
const LONGEST_DELAY_SECONDS = 3_600;
/** Of one run. Each costs three operations. */
const BATCHES_PER_RUN = 100;

const StoredBodies = v.pipe(v.string(), v.parseJson(), v.array(v.unknown()));

export async function consumeBatch({ queue, messages }: MessageBatch, env: Env): Promise<void> {
  if (queue.endsWith(DEAD_SUFFIX)) {
    const bodies = messages.map(({ body }) => body);
    await settled(queue, messages, () => keepDead(bodies, env));
    return;
  }
  const { readable, unreadable, events } = sorted(messages, ({ body }) => body);
  if (events.length > 0) await settled(queue, readable, () => consumeEvents(env, events));
  if (unreadable.length > 0) tryAgain(queue, unreadable, NO_MESSAGE);
}

/** Appends what lies in the bucket. What fails again stays there; what can not be read is put where it holds up nothing. */
export async function appendDead(env: Env): Promise<void> {
  const { objects } = await env.BLOBS.list({ prefix: DEAD_PREFIX, limit: BATCHES_PER_RUN });
  for (const { key } of objects) {
    const stored = await env.BLOBS.get(key);
    if (stored !== null) await appendStored(env, key, await stored.text());
    await env.BLOBS.delete(key);
  }
  if (objects.length > 0) logEvent('warn', 'dead events appended', { batches: objects.length });
}

async function appendStored(env: Env, key: string, text: string): Promise<void> {
  const bodies = v.safeParse(StoredBodies, text);
  if (!bodies.success) {
    await setAside(env, key, text, 1);
    return;
  }
  const { unreadable, events } = sorted(bodies.output, (body) => body);
  if (unreadable.length > 0) await setAside(env, key, JSON.stringify(unreadable), unreadable.length);
  if (events.length > 0) await consumeEvents(env, events);
}

async function setAside(env: Env, key: string, text: string, messages: number): Promise<void> {
  const place = `${UNREADABLE_PREFIX}${key.slice(DEAD_PREFIX.length)}`;
  await env.BLOBS.put(place, text);
  logEvent('error', 'events set aside', { key: place, messages, reason: NO_MESSAGE });
}

function sorted<T>(all: readonly T[], bodyOf: (one: T) => unknown) {
  const [readable, unreadable, events]: [T[], T[], QueuedMessage[]] = [[], [], []];
  for (const one of all) {
    const event = parseQueuedMessage(bodyOf(one));
    if (event === undefined) unreadable.push(one);
    else {
      readable.push(one);
      events.push(event);
    }
  }
  return { readable, unreadable, events };
}

async function settled(queue: string, messages: readonly Message[], work: () => Promise<void>): Promise<void> {
  try {
    await work();
    for (const message of messages) message.ack();
  } catch (error) {
    tryAgain(queue, messages, String(error));
  }
}

function tryAgain(queue: string, messages: readonly Message[], error: string): void {
  const attempts = Math.max(1, ...messages.map((message) => message.attempts));
  logEvent('error', 'events not consumed', { queue, messages: messages.length, attempts, error });
  for (const message of messages) {
    message.retry({ delaySeconds: Math.min(LONGEST_DELAY_SECONDS, 2 ** Math.min(message.attempts, 20)) });
  }
}

/** As they came: what this release can not read, another one may. */
async function keepDead(bodies: readonly unknown[], env: Env): Promise<void> {
  await env.BLOBS.put(`${DEAD_PREFIX}${crypto.randomUUID()}`, JSON.stringify(bodies));
  logEvent('error', 'events kept in the bucket', { messages: bodies.length });
}
