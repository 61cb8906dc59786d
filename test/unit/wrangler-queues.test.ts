/** What wrangler.toml asks of Cloudflare's Queues: whose defaults delete a message after three tries. */
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { unstable_readConfig as readConfig } from 'wrangler';

interface Consumer {
  queue: string;
  max_retries?: number;
  dead_letter_queue?: string;
}

const { queues } = readConfig({ config: fileURLToPath(new URL('../../wrangler.toml', import.meta.url)) });

const consumers: readonly Consumer[] = queues.consumers ?? [];

it('has events tried a hundred times, and then lie with the dead; which are tried a hundred times and lie in the bucket', () => {
  const settings = consumers.map(({ queue, max_retries, dead_letter_queue }) => [
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
  expect(queues.producers).toMatchObject([{ binding: 'EVENTS', queue: 'berth-events' }]);
});
