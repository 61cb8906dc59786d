/** A refusal reaches a client that is still sending: it could be lost to a connection that is reset (RFC 9112 §9.6). */
import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { start } from './berths.ts';
import { openUpload } from './blobs.ts';

const TRIES = 12;
const BODY = randomBytes(10_000_000);

test('every refused body is answered, however much of it was still to come', async () => {
  const berth = await start();
  const cancelled = await openUpload(berth);
  expect((await fetch(cancelled, { method: 'DELETE' })).status).toBe(204);
  const refused = [
    { method: 'PATCH', url: cancelled.href, status: 404 },
    { method: 'PUT', url: `${berth.url}/v2/start/manifests/large`, status: 413 },
    { method: 'POST', url: `${berth.url}/v2/UPPER/blobs/uploads/`, status: 400 },
  ];
  for (const { method, url, status } of refused) {
    for (let attempt = 1; attempt <= TRIES; attempt += 1) {
      const response = await fetch(url, { method, body: BODY });
      expect(response.status).toBe(status);
      expect(await response.json()).toHaveProperty('errors');
    }
  }
});
