/** Tags that are compared and set in one step (RFC 9110 §13.1.1, §13.1.2): of several who change one, none is unseen. */
import fc from 'fast-check';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  demand,
  getBlob,
  getManifest,
  imageOf,
  pushed,
  refusal,
  repositoryStub,
  send,
  sha256,
  textBytes,
} from './client.ts';
import { LogLines } from './log-lines.ts';
import { newBlob, type Blob } from './world.ts';
import { runInDurableObject } from 'cloudflare:test';

const name = 'conditions/main';
let blob: Blob;
beforeAll(async () => {
  blob = await pushed(name, await newBlob(100));
});
beforeEach(() => {
  new LogLines();
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** Every other one is too large for the table, so that its push waits for the store on its way. */
const body = (version: number | string) =>
  imageOf(blob, {
    annotations: { version: String(version), padding: 'x'.repeat(Number(version) % 2 === 1 ? 70_000 : 0) },
  });
const digestOf = (version: number | string) => sha256(body(version));
const tagged = (digest: string) => `"${digest}"`;

function push(reference: string, version: number | string, headers: Record<string, string> = {}, repository = name) {
  return send('PUT', `/v2/${repository}/manifests/${reference}`, {
    body: textBytes(body(version)),
    headers,
  });
}

const remove = (reference: string, headers: Record<string, string> = {}) =>
  send('DELETE', `/v2/${name}/manifests/${reference}`, { headers });
const current = async (tag: string) => (await getManifest(name, tag)).headers.get('docker-content-digest');

async function expectFailed(pending: Promise<Response>, digest: string | null): Promise<void> {
  expect(await refusal(pending)).toMatchObject({ status: 412, code: 'DENIED', detail: { current: digest } });
}

describe('a push with If-Match', () => {
  it('moves a tag from the digest that it names, and from no other', async () => {
    demand(await push('match', 1), 201);
    demand(await push('match', 2, { 'if-match': tagged(await digestOf(1)) }), 201);
    await expectFailed(push('match', 3, { 'if-match': tagged(await digestOf(1)) }), await digestOf(2));
    expect(await current('match')).toBe(await digestOf(2));
    expect((await getManifest(name, await digestOf(3))).status).toBe(404);
  });

  it('may name several digests, or * for whatever is there', async () => {
    demand(await push('several', 1), 201);
    const several = `"sha256:x", ${tagged(await digestOf(1))} ,"a,b"`;
    demand(await push('several', 2, { 'if-match': several }), 201);
    demand(await push('several', 3, { 'if-match': '*' }), 201);
    expect(await current('several')).toBe(await digestOf(3));
  });

  it('does not make what is not there, in a repository that is there or not', async () => {
    for (const condition of ['*', tagged(await digestOf(1))]) {
      await expectFailed(push('absent', 1, { 'if-match': condition }), null);
    }
    expect(await current('absent')).toBeNull();
    const nowhere = 'conditions/nowhere';
    const empty = JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      manifests: [],
    });
    const answer = send('PUT', `/v2/${nowhere}/manifests/tag`, {
      body: textBytes(empty),
      headers: { 'if-match': '*' },
    });
    await expectFailed(answer, null);
    const tables = await runInDurableObject(repositoryStub(nowhere), (_object, { storage }) =>
      storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'tags'").toArray(),
    );
    expect(tables).toEqual([]);
  });

  it('never matches a weak tag', async () => {
    demand(await push('weak', 1), 201);
    await expectFailed(push('weak', 2, { 'if-match': `W/${tagged(await digestOf(1))}` }), await digestOf(1));
  });

  it('of any length is read in one pass: nothing that may be sent takes long', async () => {
    demand(await push('long', 1), 201);
    for (const condition of [`${','.repeat(12_000)}"`, `"a"${' '.repeat(12_000)}x`, `"${',"'.repeat(6_000)}`]) {
      const started = performance.now();
      expect((await getManifest(name, 'long', { 'if-none-match': condition })).status).toBe(200);
      expect(performance.now() - started).toBeLessThan(5_000);
    }
  });

  it.each(['sha256:abc', '"unclosed', 'latest', '"a" "b"', '*, "a"', `${'"a",'.repeat(200)}"a"`])(
    'that cannot be read is refused, not ignored: %s',
    async (condition) => {
      demand(await push('malformed', 1), 201);
      for (const header of ['if-match', 'if-none-match']) {
        expect(await refusal(push('malformed', 2, { [header]: condition }))).toMatchObject({ status: 400 });
        expect(await refusal(remove('malformed', { [header]: condition }))).toMatchObject({ status: 400 });
      }
      expect(await current('malformed')).toBe(await digestOf(1));
    },
  );
});

describe('a push with If-None-Match', () => {
  it('* makes a tag that is not there, once', async () => {
    demand(await push('fresh', 1, { 'if-none-match': '*' }), 201);
    await expectFailed(push('fresh', 2, { 'if-none-match': '*' }), await digestOf(1));
    await expectFailed(push('fresh', 1, { 'if-none-match': '*' }), await digestOf(1));
    expect(await current('fresh')).toBe(await digestOf(1));
  });

  it('a digest keeps a tag from what it already is', async () => {
    demand(await push('again', 1), 201);
    await expectFailed(push('again', 2, { 'if-none-match': `W/${tagged(await digestOf(1))}` }), await digestOf(1));
    demand(await push('again', 2, { 'if-none-match': tagged(await digestOf(3)) }), 201);
  });

  it('by digest asks whether that manifest is there', async () => {
    const digest = await digestOf('digest');
    demand(await push(digest, 'digest', { 'if-none-match': '*' }), 201);
    await expectFailed(push(digest, 'digest', { 'if-none-match': '*' }), digest);
  });

  it('with tags as parameters protects each of them: all move or none', async () => {
    const [first, second] = [await digestOf(1), await digestOf(2)];
    demand(await push('taken', 1), 201);
    await expectFailed(push(`${second}?tag=free&tag=taken`, 2, { 'if-none-match': '*' }), first);
    expect([await current('free'), await current('taken')]).toEqual([null, first]);
    demand(await push(`${second}?tag=free`, 2, { 'if-none-match': '*' }), 201);
    await expectFailed(push(`${first}?tag=free&tag=taken`, 1, { 'if-match': tagged(second) }), first);
    demand(await push(`${first}?tag=free`, 1, { 'if-match': tagged(second) }), 201);
    expect(await current('free')).toBe(first);
  });
});

describe('a delete', () => {
  it('with If-Match takes away the tag that still leads there, and no other', async () => {
    demand(await push('gone', 1), 201);
    await expectFailed(remove('gone', { 'if-match': tagged(await digestOf(2)) }), await digestOf(1));
    await expectFailed(remove('gone', { 'if-none-match': '*' }), await digestOf(1));
    demand(await remove('gone', { 'if-match': tagged(await digestOf(1)) }), 202);
    expect(await refusal(remove('gone', { 'if-match': '*' }))).toMatchObject({ status: 404 });
  });
});

describe('a read', () => {
  it('with If-Match of another digest is 412, of a manifest and of a blob', async () => {
    demand(await push('read', 1), 201);
    const digest = await digestOf(1);
    await expectFailed(getManifest(name, 'read', { 'if-match': tagged(await digestOf(2)) }), digest);
    await expectFailed(getBlob(name, blob.digest, { 'if-match': tagged(digest) }), blob.digest);
    for (const condition of ['*', tagged(digest)]) {
      expect((await getManifest(name, 'read', { 'if-match': condition })).status).toBe(200);
    }
    const deleting = send('DELETE', `/v2/${name}/blobs/${blob.digest}`, { headers: { 'if-match': tagged(digest) } });
    await expectFailed(deleting, blob.digest);
    const both = { 'if-match': tagged(digest), 'if-none-match': tagged(digest) };
    expect((await getManifest(name, 'read', both)).status).toBe(304);
  });
});

describe('of many who set one tag at once', () => {
  it('exactly one wins, whatever the condition that they share', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 2, max: 8 }), fc.boolean(), async (racers, isFresh) => {
        const tag = `race-${crypto.randomUUID()}`;
        if (!isFresh) demand(await push(tag, 'before'), 201);
        const condition: Record<string, string> = isFresh
          ? { 'if-none-match': '*' }
          : { 'if-match': tagged(await digestOf('before')) };
        const answers = await Promise.all(Array.from({ length: racers }, (_, racer) => push(tag, racer, condition)));
        const winners = answers.flatMap(({ status }, racer) => (status === 201 ? [racer] : []));
        expect(winners).toHaveLength(1);
        expect(answers.filter(({ status }) => status === 412)).toHaveLength(racers - 1);
        expect(await current(tag)).toBe(await digestOf(winners[0] ?? -1));
      }),
      { numRuns: 20 },
    );
  });

  it('a counter that each reads, raises and sets again loses no step', async () => {
    demand(await push('counter', 0), 201);
    const steps = 8;
    const raise = async () => {
      for (;;) {
        const answer = await getManifest(name, 'counter');
        const digest = answer.headers.get('docker-content-digest') ?? '';
        const { annotations }: { annotations: { version: string } } = await answer.json();
        const next = Number(annotations.version) + 1;
        if ((await push('counter', next, { 'if-match': tagged(digest) })).status === 201) return;
      }
    };
    await Promise.all(Array.from({ length: steps }, raise));
    expect(await current('counter')).toBe(await digestOf(steps));
  });
});
