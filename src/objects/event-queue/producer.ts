/**
 * Where a repository's events go: Cloudflare's Queue, or under `npm start`, whose emulator of it forgets everything in a
 * crash, an object that keeps them (event-queue.ts). The same promise of both: what was taken is delivered at least once.
 */
import type { WorkMeter, Answer } from '../../observability/work.ts';
import type { QueuedMessage } from '../event-log/messages.ts';

/** What `npm start` binds instead of a Queue. */
export interface EventQueueBindings {
  EVENT_QUEUE?: DurableObjectNamespace<
    Rpc.DurableObjectBranded & { send(messages: readonly QueuedMessage[]): Promise<Answer<null>> }
  >;
}

export interface EventProducer {
  /** All or none. Throws where they were not taken. */
  send(messages: readonly QueuedMessage[]): Promise<void>;
}

const QUEUE_NAME = 'events';

export function eventProducer(env: Pick<Env, 'EVENTS'> & EventQueueBindings, meter: WorkMeter): EventProducer {
  const { EVENTS, EVENT_QUEUE } = env;
  if (EVENT_QUEUE === undefined) {
    return {
      send: async (messages) => {
        await EVENTS.sendBatch(messages.map((body) => ({ body, contentType: 'json' as const })));
      },
    };
  }
  return {
    send: async (messages) => {
      await meter.call(EVENT_QUEUE.get(EVENT_QUEUE.idFromName(QUEUE_NAME)).send(messages));
    },
  };
}
