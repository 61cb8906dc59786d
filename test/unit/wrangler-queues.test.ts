/** What wrangler.toml asks of Cloudflare's Queues: whose defaults delete a message after three tries. */
import { fileURLToPath } from 'node:url';
import * as v from 'valibot';
import { expect, it } from 'vitest';
import { unstable_readConfig as readConfig } from 'wrangler';

const Queues = v.object({
  queues: v.object({
    consumers: v.array(
      v.object({
        queue: v.string(),
        max_retries: v.optional(v.number()),
        dead_letter_queue: v.optional(v.string()),
      }),
    ),
    producers: v.array(v.object({ binding: v.string(), queue: v.string() })),
  }),
});

const config = fileURLToPath(new URL('../../wrangler.toml', import.meta.url));
const { queues } = v.parse(Queues, readConfig({ config }));

it('has events tried a hundred times, and then lie with the dead; which are tried a hundred times and lie in the bucket', () => {
  const settings = queues.consumers.map(({ queue, max_retries, dead_letter_queue }) => [
    queue,
    max_retries,
    dead_letter_queue,
  ]);
  expect(settings).toEqual([
    ['berth-events', 100, 'berth-events-dead'],
    ['berth-events-dead', 100, undefined],
  ]);
});

it('sends events to the first of them', () => {
  expect(queues.producers).toEqual([{ binding: 'EVENTS', queue: 'berth-events' }]);
});
