/** Manifests that are too large are refused with the limit, and before they are taken into memory. */
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { DRAINED_MOST_BYTES } from '../../src/objects/upload/drain.ts';
import { documentBudget } from '../../src/objects/upload/memory-budget.ts';
import { OCI_MANIFEST } from '../../src/oci/media-type.ts';
import {
  getManifest,
  imageOf,
  pushed,
  putManifest,
  refusal,
  send,
  sendWith,
  textBytes,
  type Settings,
} from './client.ts';
import { LogLines } from './log-lines.ts';
import { newBlob, type Blob } from './world.ts';

const LIMIT_BYTES = 4 * 1_024 * 1_024;
const PIECE_BYTES = 64 * 1_024;
const name = 'limits/main';
const path = `/v2/${name}/manifests/huge`;

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

const padded = (size: number): string => {
  const empty = imageOf(blob, { annotations: { padding: '' } });
  return imageOf(blob, { annotations: { padding: 'x'.repeat(size - empty.length) } });
};

/** A body that never ends by itself, and tells how much of it was asked for and whether it was given up. */
function endlessBody() {
  const told = { bytes: 0, cancelled: false };
  const body = new ReadableStream({
    type: 'bytes',
    pull(controller) {
      told.bytes += PIECE_BYTES;
      controller.enqueue(new Uint8Array(PIECE_BYTES).fill(0x20));
    },
    cancel() {
      told.cancelled = true;
    },
  });
  return { body, told };
}

async function expectTooLarge(pending: Promise<Response>, limit: number): Promise<void> {
  const answer = await refusal(pending);
  expect(answer).toMatchObject({ status: 413, code: 'SIZE_INVALID', detail: { limit } });
  expect(answer.message).toContain(String(limit));
}

describe('a manifest over the limit (CVE-2017-11468)', () => {
  it('by one byte gets 413 with the limit, and changes nothing', async () => {
    expect((await putManifest(name, 'huge', padded(LIMIT_BYTES), OCI_MANIFEST)).status).toBe(201);
    await expectTooLarge(putManifest(name, 'huge', padded(LIMIT_BYTES + 1), OCI_MANIFEST), LIMIT_BYTES);
    const kept = await getManifest(name, 'huge');
    expect(kept.headers.get('content-length')).toBe(String(LIMIT_BYTES));
    await kept.body?.cancel();
  });

  it('that says so itself is refused, and of what still comes no more is thrown away than the answer is worth', async () => {
    const { body, told } = endlessBody();
    const headers = { 'content-type': OCI_MANIFEST, 'content-length': String(LIMIT_BYTES + 1) };
    await expectTooLarge(sendWith({}, 'PUT', path, { body, headers }), LIMIT_BYTES);
    expect(told.cancelled).toBe(true);
    expect(told.bytes).toBeLessThanOrEqual(DRAINED_MOST_BYTES + 4 * PIECE_BYTES);
  });

  it('that says nothing, or lies about its length, is given up at the limit', async () => {
    for (const length of [undefined, '10', String(LIMIT_BYTES)]) {
      const { body, told } = endlessBody();
      const headers = { 'content-type': OCI_MANIFEST, ...(length === undefined ? {} : { 'content-length': length }) };
      await expectTooLarge(sendWith({}, 'PUT', path, { body, headers }), LIMIT_BYTES);
      expect(told.cancelled).toBe(true);
      expect(told.bytes).toBeLessThanOrEqual(LIMIT_BYTES + DRAINED_MOST_BYTES + 4 * PIECE_BYTES);
    }
  });

  it('that the setting names is refused in the same way', async () => {
    const settings: Settings = { BERTH_MAX_MANIFEST_BYTES: '2048' };
    const put = (size: number) =>
      sendWith(settings, 'PUT', `/v2/${name}/manifests/set`, {
        body: padded(size),
        headers: { 'content-type': OCI_MANIFEST },
      });
    expect((await put(2_048)).status).toBe(201);
    await expectTooLarge(put(2_049), 2_048);
  });
});

describe('a manifest whose client breaks off', () => {
  it('is refused as the client’s fault, and nothing of it is there', async () => {
    const body = new ReadableStream({
      type: 'bytes',
      pull(controller) {
        controller.error(new Error('the client has gone'));
      },
    });
    const headers = { 'content-type': OCI_MANIFEST };
    const answer = await refusal(sendWith({}, 'PUT', `/v2/${name}/manifests/gone`, { body, headers }));
    expect(answer).toMatchObject({ status: 400, code: 'SIZE_INVALID' });
    expect((await getManifest(name, 'gone')).status).toBe(404);
  });
});

describe('many manifests at once', () => {
  it('are held within a bound: who comes beyond it is told to try again, and then succeeds', async () => {
    const others = documentBudget.open();
    while (others.tryTake(PIECE_BYTES));
    const refused = await putManifest(name, 'later', imageOf(blob));
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(await refusal(refused)).toMatchObject({ status: 503, code: 'UNAVAILABLE' });
    others.give(others.heldBytes);
    expect((await putManifest(name, 'later', imageOf(blob))).status).toBe(201);
    expect(documentBudget.usedBytes).toBe(0);
  });
});

describe('slow pushers that hold all memory for manifests', () => {
  /** Has sent nearly all, in pieces that the registry has taken, and says nothing more. */
  async function stalled(reference: string) {
    const { readable, writable } = new IdentityTransformStream();
    const writer = writable.getWriter();
    const headers = { 'content-type': OCI_MANIFEST };
    const answer = send('PUT', `/v2/${name}/manifests/${reference}`, { body: readable, headers });
    const bytes = textBytes(padded(LIMIT_BYTES));
    const sent = (async () => {
      for (let start = 0; start < LIMIT_BYTES - PIECE_BYTES; start += PIECE_BYTES) {
        await writer.write(bytes.subarray(start, start + PIECE_BYTES));
      }
    })();
    const rest = () => writer.write(bytes.subarray(-PIECE_BYTES)).then(() => writer.close());
    return { answer, sent: sent.catch(() => undefined), rest };
  }

  it('are broken off one by one, the slowest first, and everybody else is served at once', async () => {
    const slow = await Promise.all(Array.from({ length: 7 }, (_, index) => stalled(`slow${String(index)}`)));
    await Promise.all(slow.map(({ sent }) => sent));
    for (const reference of ['one', 'two', 'three']) {
      expect((await putManifest(name, reference, imageOf(blob))).status).toBe(201);
    }
    // And a large one, which needs the memory of several.
    expect((await putManifest(name, 'large', padded(LIMIT_BYTES))).status).toBe(201);
    const outcomes = await Promise.all(
      slow.map(async ({ answer, rest }) => {
        await rest().catch(() => undefined);
        const answered = await answer;
        return answered.status === 201 ? '201' : `${String(answered.status)} ${(await refusal(answered)).code}`;
      }),
    );
    // Seven need more than there is: where the machine is slow, one waits in vain until another is broken off.
    const allowed = ['201', '408 SIZE_INVALID', '503 UNAVAILABLE'];
    expect(outcomes.filter((outcome) => !allowed.includes(outcome))).toEqual([]);
    expect(outcomes).toContain('408 SIZE_INVALID');
    expect(documentBudget.usedBytes).toBe(0);
    expect(documentBudget.peakBytes).toBeLessThanOrEqual(24 * 1_024 * 1_024);
  });

  it('that have vanished hold it no longer than a moment', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
    const vanished = documentBudget.open();
    while (vanished.tryTake(PIECE_BYTES));
    vi.setSystemTime(Date.now() + 10_000);
    expect((await putManifest(name, 'after', imageOf(blob))).status).toBe(201);
    expect(documentBudget.usedBytes).toBe(0);
    vi.useRealTimers();
  });
});
