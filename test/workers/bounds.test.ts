/** Bounds that hold before anything is known of a request. */
import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { handle } from '../../src/http/app.ts';
import { send } from './client.ts';
import { newBlob, pushBlob, repositoryName } from './world.ts';

const LONGEST_URL_CHARACTERS = 4_096;
const BODY_DEADLINE_MS = 60_000;
const ORIGIN = 'http://127.0.0.1';

afterEach(() => {
  vi.useRealTimers();
});

describe('an address', () => {
  it('may have 4096 characters, and with one more it is 414 before anything reads its query', async () => {
    const longest = `/healthz?${'a'.repeat(LONGEST_URL_CHARACTERS - `${ORIGIN}/healthz?`.length)}`;
    expect((await send('GET', longest)).status).toBe(200);
    const response = await send('GET', `${longest}a`);
    expect(response.status).toBe(414);
    expect(await response.json()).toMatchObject({ errors: [{ code: 'UNSUPPORTED' }] });
  });
});

describe('a digest in an address', () => {
  it('may have its colon encoded, as some clients do, and is no other thing for it', async () => {
    const blob = await newBlob();
    expect(await pushBlob('encoded', blob)).toBe(201);
    const path = `/v2/${repositoryName('encoded')}/blobs/`;
    const response = await send('GET', `${path}${encodeURIComponent(blob.digest)}`);
    expect([response.status, response.headers.get('docker-content-digest')]).toEqual([200, blob.digest]);
    expect((await send('GET', `${path}${blob.digest.replace(':', '%253A')}`)).status).toBe(400);
  });
});

describe('the body of a manifest', () => {
  it('that does not come within a minute is 408, and what came of it is let go', async () => {
    vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'], now: Date.now() });
    let cancelled = false;
    const body = new ReadableStream({
      type: 'bytes',
      start: (controller: ReadableByteStreamController) => {
        controller.enqueue(new Uint8Array(100));
      },
      cancel: () => {
        cancelled = true;
      },
    });
    const headers = { 'content-type': 'application/vnd.oci.image.manifest.v1+json' };
    const request = new Request(`${ORIGIN}/v2/bounds/manifests/slow`, { method: 'PUT', body, headers });
    const execution = createExecutionContext();
    const answer = handle(request, { ...env }, execution);
    await vi.advanceTimersByTimeAsync(BODY_DEADLINE_MS + 1_000);
    const response = await answer;
    expect(response.status).toBe(408);
    expect(await response.json()).toMatchObject({ errors: [{ code: 'SIZE_INVALID' }] });
    expect(cancelled).toBe(true);
    vi.useRealTimers();
    await waitOnExecutionContext(execution);
  });
});
