/**
 * Kills at the moments of a push that matter most. A push that was answered is there, one that was not can go on from
 * where GET tells, and nothing is served that was never completed. All on one data directory, crash after crash.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { exchange } from './crash/exchange.ts';
import type { Answer, Call } from './crash/exchange.ts';
import { blobOf } from './crash/ledger.ts';
import type { Blob } from './crash/ledger.ts';
import { keystream } from './crash/seeded.ts';
import { UnstableBerth } from './crash/unstable-berth.ts';
import type { Victim } from './crash/unstable-berth.ts';

const VICTIMS = ['workerd', 'node', 'all'] as const satisfies readonly Victim[];
/** A client that announces no length gets parts of this size. */
const PART_BYTES = 8 * 1024 * 1024;
const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
const BLOBS = '/v2/crash/moments/blobs';
const MANIFESTS = '/v2/crash/moments/manifests';

let berth: UnstableBerth;

beforeAll(async () => {
  berth = await UnstableBerth.start();
});

afterAll(async () => {
  await berth.discard();
});

async function ask(call: Call): Promise<Answer> {
  const answer = await exchange((await berth.serving()).url, call);
  if (answer.kind !== 'answer') throw new Error(`${call.method} ${call.path}: ${answer.reason}`);
  return answer;
}

async function statusOf(call: Call): Promise<number> {
  return (await ask(call)).status;
}

/** For a request that a kill cuts off. Fulfilled when Berth serves again. */
async function cutOff(call: Call): Promise<void> {
  const { kind } = await exchange((await berth.serving()).url, call);
  expect(kind).toBe('broken');
  await berth.serving();
}

/** Sends a request and kills when the system has taken all of it. Whether it is answered is a matter of luck. */
async function killAfter(victim: Victim, call: Call): Promise<Answer | undefined> {
  const { url } = await berth.serving();
  const bytes = call.body?.bytes ?? new Uint8Array();
  let killed: Promise<void> | undefined;
  const onEnd = (): void => {
    killed = berth.kill(victim);
  };
  const answer = await exchange(url, { ...call, body: { ...call.body, bytes, onEnd } });
  await killed;
  return answer.kind === 'answer' ? answer : undefined;
}

async function open(): Promise<string> {
  const { status, headers } = await ask({ method: 'POST', path: `${BLOBS}/uploads/` });
  expect(status).toBe(202);
  return headers.location ?? '';
}

async function patch(session: string, bytes: Uint8Array): Promise<void> {
  expect(await statusOf({ method: 'PATCH', path: session, body: { bytes, chunked: true } })).toBe(202);
}

async function committed(session: string): Promise<number> {
  const { status, headers } = await ask({ method: 'GET', path: session });
  expect(status).toBe(204);
  const last = Number(headers.range?.replace('0-', ''));
  return last === 0 ? 0 : last + 1;
}

async function expectServed({ digest, bytes }: Blob): Promise<void> {
  const { status, body } = await ask({ method: 'GET', path: `${BLOBS}/${digest}` });
  expect(status).toBe(200);
  expect(body.equals(bytes)).toBe(true);
}

describe.each(VICTIMS)('after SIGKILL of %s', (victim) => {
  /** `size` bytes that are the same in every run, and other ones for every victim. */
  function newBlob(name: string, size: number): Blob {
    return blobOf(keystream(`crash moments, ${victim}, ${name}`, size));
  }

  test('between PATCH and PUT, the PUT closes the upload', async () => {
    const pushes = [newBlob('tail', 100_000), newBlob('parts', PART_BYTES + 12_345)];
    const patched: { session: string; pushed: Blob }[] = [];
    for (const pushed of pushes) {
      const session = await open();
      await patch(session, pushed.bytes);
      patched.push({ session, pushed });
    }
    await berth.kill(victim);
    for (const { session, pushed } of patched) {
      expect(await committed(session)).toBe(pushed.bytes.byteLength);
      expect(await statusOf({ method: 'PUT', path: `${session}?digest=${pushed.digest}` })).toBe(201);
      await expectServed(pushed);
    }
  });

  test('in the middle of a PATCH, the client goes on from the byte that GET tells', async () => {
    const pushed = newBlob('middle', 2 * PART_BYTES);
    const { bytes, digest } = pushed;
    const session = await open();
    await cutOff({
      method: 'PATCH',
      path: session,
      body: {
        bytes,
        chunked: true,
        onSent: async (sent) => {
          if (sent < PART_BYTES + 4_000_000) return;
          // The first part is stored while the body still runs.
          let safe = 0;
          while (safe === 0) safe = await committed(session);
          expect(safe).toBe(PART_BYTES);
          await berth.kill(victim);
        },
      },
    });
    const safe = await committed(session);
    expect(safe).toBe(PART_BYTES);
    const headers = { 'content-range': `${String(safe)}-${String(bytes.byteLength - 1)}` };
    expect(await statusOf({ method: 'PATCH', path: session, headers, body: { bytes: bytes.subarray(safe) } })).toBe(
      202,
    );
    expect(await statusOf({ method: 'PUT', path: `${session}?digest=${digest}` })).toBe(201);
    await expectServed(pushed);
  });

  test('in the middle of a PUT, nothing is served, and the PUT can be repeated', async () => {
    const pushed = newBlob('half', 3_000_000);
    const { bytes, digest } = pushed;
    const path = `${await open()}?digest=${digest}`;
    const onSent = (sent: number): unknown => (sent > bytes.byteLength / 2 ? berth.kill(victim) : undefined);
    await cutOff({ method: 'PUT', path, body: { bytes, onSent } });
    expect(await statusOf({ method: 'GET', path: `${BLOBS}/${digest}` })).toBe(404);
    expect(await statusOf({ method: 'PUT', path, body: { bytes } })).toBe(201);
    await expectServed(pushed);
  });

  test('between a PUT with the blob and its answer, the PUT can be repeated', async () => {
    const pushed = newBlob('whole', 3_000_000);
    const { bytes, digest } = pushed;
    const call = { method: 'PUT', path: `${await open()}?digest=${digest}`, body: { bytes } };
    expect((await killAfter(victim, call))?.status ?? 201).toBe(201);
    expect(await statusOf(call)).toBe(201);
    await expectServed(pushed);
  });

  test('between a PUT without a body and its answer, the PUT can be repeated', async () => {
    const pushed = newBlob('assembled', PART_BYTES + 1_000);
    const session = await open();
    await patch(session, pushed.bytes);
    const call = { method: 'PUT', path: `${session}?digest=${pushed.digest}` };
    expect((await killAfter(victim, call))?.status ?? 201).toBe(201);
    expect(await statusOf(call)).toBe(201);
    await expectServed(pushed);
  });

  test('in the middle of a manifest, the tag is what it was, and the manifest can be pushed again', async () => {
    const [before, after] = [await newManifest('before'), await newManifest('after')];
    const path = `${MANIFESTS}/middle-${victim}`;
    const headers = { 'content-type': MANIFEST_TYPE };
    expect(await statusOf({ method: 'PUT', path, headers, body: { bytes: before.bytes } })).toBe(201);
    const onSent = (sent: number): unknown =>
      sent > after.bytes.byteLength / 2 && sent < after.bytes.byteLength ? berth.kill(victim) : undefined;
    await cutOff({ method: 'PUT', path, headers, body: { bytes: after.bytes, onSent } });
    expect((await ask({ method: 'GET', path })).body.equals(before.bytes)).toBe(true);
    expect(await statusOf({ method: 'GET', path: `${MANIFESTS}/${after.digest}` })).toBe(404);
    expect(await statusOf({ method: 'PUT', path, headers, body: { bytes: after.bytes } })).toBe(201);
    expect((await ask({ method: 'GET', path })).body.equals(after.bytes)).toBe(true);
  });

  test('between a manifest and its answer, the tag is the old manifest or the new one', async () => {
    const [before, after] = [await newManifest('old'), await newManifest('new')];
    const path = `${MANIFESTS}/answer-${victim}`;
    const headers = { 'content-type': MANIFEST_TYPE };
    expect(await statusOf({ method: 'PUT', path, headers, body: { bytes: before.bytes } })).toBe(201);
    const answer = await killAfter(victim, { method: 'PUT', path, headers, body: { bytes: after.bytes } });
    const { body } = await ask({ method: 'GET', path });
    const isNew = body.equals(after.bytes);
    expect(isNew || (answer === undefined && body.equals(before.bytes))).toBe(true);
    expect(await statusOf({ method: 'GET', path: `${MANIFESTS}/${after.digest}` })).toBe(isNew ? 200 : 404);
    expect(await statusOf({ method: 'PUT', path, headers, body: { bytes: after.bytes } })).toBe(201);
    expect((await ask({ method: 'GET', path })).body.equals(after.bytes)).toBe(true);
  });

  /** Too large for a row: its bytes go to the store first. Its config is pushed. */
  async function newManifest(name: string): Promise<Blob> {
    const { digest, bytes } = newBlob(`config of ${name}`, 100);
    const path = `${BLOBS}/uploads/?digest=${digest}`;
    expect(await statusOf({ method: 'POST', path, body: { bytes } })).toBe(201);
    const config = { mediaType: 'application/vnd.oci.image.config.v1+json', digest, size: bytes.byteLength };
    const annotations = { note: 'x'.repeat(400_000) };
    const manifest = { schemaVersion: 2, mediaType: MANIFEST_TYPE, config, layers: [], annotations };
    return blobOf(Buffer.from(JSON.stringify(manifest)));
  }
});
