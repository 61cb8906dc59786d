/**
 * The consumer of Cloudflare's Queue. A batch that fails comes again, later each time, for days. What failed to the end lies in
 * the bucket, where it costs nobody anything, and is appended from there by the hour: nothing is lost by waiting.
 */
import * as v from 'valibot';
import { logEvent } from '../../observability/log.ts';
import { consumeEvents } from '../consume-events.ts';
import type { QueuedMessage } from '../event-log/messages.ts';
import { parseQueuedMessage } from '../event-log/queued-message.ts';

/** As wrangler.toml names the queue of dead letters. */
const DEAD_SUFFIX = '-dead';
const DEAD_PREFIX = 'events/dead/';
const LONGEST_DELAY_SECONDS = 3_600;
/** Of one run. Each costs three operations. */
const BATCHES_PER_RUN = 100;

export async function consumeBatch(batch: MessageBatch, env: Env): Promise<void> {
  try {
    const messages = batch.messages.map(({ body }) => parseQueuedMessage(body));
    if (batch.queue.endsWith(DEAD_SUFFIX)) await keepDead(messages, env);
    else await consumeEvents(env, messages);
    batch.ackAll();
  } catch (error) {
    const attempts = Math.max(1, ...batch.messages.map((message) => message.attempts));
    logEvent('error', 'events not consumed', { queue: batch.queue, attempts, error: String(error) });
    batch.retryAll({ delaySeconds: Math.min(LONGEST_DELAY_SECONDS, 2 ** Math.min(attempts, 20)) });
  }
}

/** Appends what lies in the bucket. What fails again stays there. */
export async function appendDead(env: Env): Promise<void> {
  const { objects } = await env.BLOBS.list({ prefix: DEAD_PREFIX, limit: BATCHES_PER_RUN });
  for (const { key } of objects) {
    const stored = await env.BLOBS.get(key);
    if (stored !== null)
      await consumeEvents(env, v.parse(v.array(v.unknown()), await stored.json()).map(parseQueuedMessage));
    await env.BLOBS.delete(key);
  }
  if (objects.length > 0) logEvent('warn', 'dead events appended', { batches: objects.length });
}

async function keepDead(messages: readonly QueuedMessage[], env: Env): Promise<void> {
  await env.BLOBS.put(`${DEAD_PREFIX}${crypto.randomUUID()}`, JSON.stringify(messages));
  logEvent('error', 'events kept in the bucket', { messages: messages.length });
}
