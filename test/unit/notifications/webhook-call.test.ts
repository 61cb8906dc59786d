/** What a receiver's answer means: its status says all, whatever becomes of the rest. */
import { describe, expect, it } from 'vitest';
import { callWebhook, type WebhookRequest } from '../../../src/notifications/webhook-call.ts';

const REQUEST: WebhookRequest = {
  url: 'https://receiver.example/',
  headers: {},
  body: '{}',
  timeoutMs: 60_000,
  secrets: ['s3cret-s3cret'],
};

/** An answer whose body begins as given and then breaks. */
function breaking(status: number, start: string): Response {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(new TextEncoder().encode(start));
    },
    pull(controller) {
      controller.error(new Error('reset'));
    },
  });
  return new Response(body, { status });
}

const outcomeOf = (response: Response) => callWebhook({ fetch: () => Promise.resolve(response) }, REQUEST, Date.now);

describe('an answer whose body breaks off', () => {
  it.each([
    [200, 'delivered'],
    [204, 'delivered'],
    [410, 'gone'],
    [500, 'failed'],
  ])('counts by its status: %i is %s', async (status, kind) => {
    const response = status === 204 ? new Response(null, { status }) : breaking(status, '');
    expect(await outcomeOf(response)).toMatchObject({ kind, status });
  });

  it('is kept as far as it came, without secrets', async () => {
    expect((await outcomeOf(breaking(200, 'seen s3cret-s3cret'))).answer).toBe('seen ***');
  });
});
