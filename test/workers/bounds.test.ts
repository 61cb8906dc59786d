/** Bounds that hold before anything is known of a request. */
import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { handle } from '../../src/http/app.ts';
import { refusal, send, sha256 } from './client.ts';
import { LogLines } from './log-lines.ts';
import { manifestOf, newBlob, pushBlob, pushManifest, repositoryName } from './world.ts';

const LONGEST_URL_CHARACTERS = 4_096;
const BODY_DEADLINE_MS = 60_000;
const ORIGIN = 'http://127.0.0.1';

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
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

  it('may have it encoded wherever a digest stands: in a path, and in a query', async () => {
    const blob = await newBlob();
    const name = repositoryName('encoded');
    expect(await pushBlob('encoded', blob)).toBe(201);
    const body = manifestOf(blob);
    expect(await pushManifest('encoded', 'latest', body)).toBe(201);
    const manifest = await sha256(body);
    for (const written of [encodeURIComponent(manifest), manifest.replace(':', '%3a'), manifest]) {
      for (const path of [`manifests/${written}`, `referrers/${written}`]) {
        expect((await send('GET', `/v2/${name}/${path}`)).status, path).toBe(200);
      }
      const { headers } = await send('HEAD', `/v2/${name}/manifests/${written}`);
      expect(headers.get('docker-content-digest')).toBe(manifest);
      const mounted = encodeURIComponent(blob.digest);
      const query = `mount=${mounted}&from=${encodeURIComponent(name)}`;
      expect((await send('POST', `/v2/${name}-2/blobs/uploads/?${query}`)).status).toBe(201);
    }
    expect((await send('DELETE', `/v2/${name}/manifests/${encodeURIComponent(manifest)}`)).status).toBe(202);
  });

  it('in any other spelling is refused, before an object or a key is made of it (CVE-2024-3727)', async () => {
    const log = new LogLines();
    const digest = `sha256:${'a'.repeat(64)}`;
    const spellings = [
      ...['sha256:%61'.padEnd(73, 'a'), digest.replace('s', '%73'), digest.replace(':', '%3A%3A'), `${digest}%00`],
      ...[
        `${digest}%20`,
        `${digest}%2f..`,
        `%2e%2e%2f${digest}`,
        digest.toUpperCase(),
        digest.replace('256', '%32%35%36'),
      ],
      ...[
        'sha256:..%2f..%2fblobs%2faa',
        'sha256+b64u:LCa0a2j_xo_5m0U8HTBBNBNCLXBkg7',
        'sha256:',
        ':',
        digest.slice(0, -1),
      ],
    ];
    for (const spelling of spellings) {
      for (const [method, path] of [
        ['GET', `blobs/${spelling}`],
        ['HEAD', `blobs/${spelling}`],
        ['DELETE', `blobs/${spelling}`],
        ['GET', `referrers/${spelling}`],
        ['GET', `manifests/${spelling}`],
        ['DELETE', `manifests/${spelling}`],
      ] as const) {
        log.clear();
        const { status } = await send(method, `/v2/bounds/digests/${path}`);
        expect(status, `${method} ${path}`).toBe(400);
        expect(log.requests[0], path).toMatchObject({ objectCalls: 0, storeOperations: 0 });
      }
    }
  });
});

describe('a name or a tag in an address', () => {
  it('has one spelling, and an encoded one is none', async () => {
    const blob = await newBlob();
    expect(await pushBlob('encoded', blob)).toBe(201);
    expect(await pushManifest('encoded', 'latest', manifestOf(blob))).toBe(201);
    const name = repositoryName('encoded');
    for (const [path, code] of [
      [`${name}/manifests/lat%65st`, 'TAG_INVALID'],
      [`${name.replace('e', '%65')}/manifests/latest`, 'NAME_INVALID'],
      [`${name.replace('/', '%2F')}/manifests/latest`, 'NAME_INVALID'],
    ] as const) {
      expect(await refusal(send('GET', `/v2/${path}`)), path).toMatchObject({ status: 400, code });
    }
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
