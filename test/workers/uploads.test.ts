/** Pushing a blob, in every form that the specification and the real clients know (end-4 to end-6, end-13, end-14). */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  PUSH_FORMS,
  Session,
  chunked,
  contentRange,
  demand,
  expectServed,
  headBlob,
  openSession,
  pushed,
  refusal,
  send,
  sendWith,
  sha512,
} from './client.ts';
import { parseUploadId } from '../../src/oci/upload-id.ts';
import { LogLines } from './log-lines.ts';
import { blobOf, newBlob, storedKeys, type Blob } from './world.ts';

const KIB = 1_024;
const MIB = 1_024 * KIB;
const FORMS = Object.entries(PUSH_FORMS).map(([form, push]) => ({ form, push }));
const CHUNKLESS_FORMS = FORMS.filter(({ form }) => !form.includes('chunks'));

beforeEach(() => {
  new LogLines();
});
afterEach(() => {
  vi.restoreAllMocks();
});

function expectCreated(response: Response, repository: string, { digest }: Blob): void {
  expect(response.status).toBe(201);
  expect(response.headers.get('location')).toBe(`/v2/${repository}/blobs/${digest}`);
  expect(response.headers.get('docker-content-digest')).toBe(digest);
}

describe.each(FORMS)('a push as $form', ({ form, push }) => {
  const repository = `uploads/form${String(FORMS.findIndex((entry) => entry.form === form))}`;

  it.each([
    ['3 bytes', 3],
    ['a few', 1_000],
    ['more than a read takes', 300 * KIB],
    ['just one part', 8 * MIB],
    ['a part and a rest', 9 * MIB + 5],
  ])('of %s ends with 201, and the blob is there', async (_label, size) => {
    const blob = await newBlob(size);
    expectCreated(await push(repository, blob), repository, blob);
    await expectServed(repository, blob);
  });

  it('of a blob named by its SHA-512 ends with 201, and the blob is there', async () => {
    for (const size of [1_000, 8 * MIB + 1]) {
      const { bytes } = await newBlob(size);
      const blob = { bytes, digest: await sha512(bytes) };
      expectCreated(await push(repository, blob), repository, blob);
      await expectServed(repository, blob);
    }
  });

  it('of what the repository has already ends with 201 and keeps one object', async () => {
    const blob = await newBlob(5_000);
    expectCreated(await push(repository, blob), repository, blob);
    const keys = await storedKeys();
    expectCreated(await push(repository, blob), repository, blob);
    expectCreated(await push(`${repository}/other`, blob), `${repository}/other`, blob);
    await expectServed(repository, blob);
    await expectServed(`${repository}/other`, blob);
    // The spare objects are swept later; none of those that were there may go.
    expect(await storedKeys()).toEqual(expect.arrayContaining(keys));
  });
});

describe('a blob of no bytes', () => {
  it.each(CHUNKLESS_FORMS)('is pushed as $form', async ({ form, push }) => {
    const repository = `uploads/empty${String(CHUNKLESS_FORMS.findIndex((entry) => entry.form === form))}`;
    const empty = await blobOf(new Uint8Array());
    expectCreated(await push(repository, empty), repository, empty);
    await expectServed(repository, empty);
    expect((await headBlob(repository, empty.digest)).headers.get('content-length')).toBe('0');
  });

  it('is pushed by a POST without a body that says Content-Length: 0', async () => {
    const empty = await blobOf(new Uint8Array());
    const path = `/v2/uploads/empty-post/blobs/uploads/?digest=${empty.digest}`;
    const response = await sendWith({}, 'POST', path, { headers: { 'content-length': '0' } });
    expectCreated(response, 'uploads/empty-post', empty);
    await expectServed('uploads/empty-post', empty);
  });

  it('is pushed by a PUT right after the POST', async () => {
    const empty = await blobOf(new Uint8Array());
    expectCreated(await (await openSession('uploads/empty-put')).put(empty.digest), 'uploads/empty-put', empty);
  });
});

describe('a session', () => {
  it('begins with 202, its location, its id, and 0-0 for no bytes', async () => {
    const response = await send('POST', '/v2/uploads/session/blobs/uploads/');
    expect(response.headers.get('oci-chunk-min-length')).toBe(String(5 * 1_024 * 1_024));
    const id = response.headers.get('docker-upload-uuid') ?? '';
    expect(parseUploadId(id)).toMatchObject({ streams: false });
    expect([response.status, response.headers.get('range')]).toEqual([202, '0-0']);
    expect(response.headers.get('location')).toBe(`/v2/uploads/session/blobs/uploads/${id}`);
  });

  it('tells after each chunk, and whenever it is asked, up to which byte it has all', async () => {
    const session = await openSession('uploads/session');
    const { bytes } = await newBlob(9 * MIB);
    let sent = 0;
    for (const size of [1, 9, 990, 8 * MIB, MIB - 1_000]) {
      const appended = await session.chunk(bytes.subarray(sent, sent + size), sent);
      sent += size;
      const status = await session.status();
      expect([appended.status, status.status]).toEqual([202, 204]);
      for (const { headers } of [appended, status]) {
        expect(headers.get('range')).toBe(`0-${String(sent - 1)}`);
        expect(headers.get('location')).toBe(session.path);
      }
    }
  });

  it('takes chunks without Content-Range in the order in which they come', async () => {
    const session = await openSession('uploads/plain');
    const blob = await newBlob(3_000);
    for (const start of [0, 1_000, 2_000]) {
      demand(await session.patch(blob.bytes.subarray(start, start + 1_000)), 202);
    }
    expectCreated(await session.put(blob.digest), 'uploads/plain', blob);
    await expectServed('uploads/plain', blob);
  });

  it('takes a whole body of unknown length in the PUT, with the range that it covers', async () => {
    const session = await openSession('uploads/ranged');
    const blob = await newBlob(3_000);
    const sent = { body: chunked(blob.bytes, 7), headers: contentRange(blob.bytes, 0) };
    expectCreated(await session.put(blob.digest, sent), 'uploads/ranged', blob);
    await expectServed('uploads/ranged', blob);
  });

  it('takes the last chunk in a PUT of unknown length', async () => {
    const session = await openSession('uploads/last');
    const blob = await newBlob(3_000);
    demand(await session.patch(blob.bytes.subarray(0, 1_000)), 202);
    const rest = blob.bytes.subarray(1_000);
    expectCreated(await session.put(blob.digest, { body: chunked(rest, 7) }), 'uploads/last', blob);
    await expectServed('uploads/last', blob);
  });

  it('keeps the other parameters of its location', async () => {
    const session = await openSession('uploads/query');
    const blob = await newBlob(100);
    const response = await send('PUT', `${session.path}?state=x&digest=${encodeURIComponent(blob.digest)}`, {
      body: blob.bytes,
      headers: { 'content-length': '100' },
    });
    expectCreated(response, 'uploads/query', blob);
  });

  it('that is cancelled is unknown from then on', async () => {
    const session = await openSession('uploads/cancelled');
    const blob = await newBlob(100);
    demand(await session.patch(blob.bytes), 202);
    expect((await session.cancel()).status).toBe(204);
    const after = [session.status(), session.patch(blob.bytes), session.put(blob.digest), session.cancel()];
    for (const pending of [...after, session.putBody(blob.digest, blob.bytes)]) {
      expect(await refusal(pending)).toMatchObject({ status: 404, code: 'BLOB_UPLOAD_UNKNOWN' });
    }
    expect((await headBlob('uploads/cancelled', blob.digest)).status).toBe(404);
  });

  it('that is finished answers its PUT again, and nothing else', async () => {
    const session = await openSession('uploads/finished');
    const blob = await newBlob(100);
    expectCreated(await session.putBody(blob.digest, blob.bytes), 'uploads/finished', blob);
    expectCreated(await session.put(blob.digest), 'uploads/finished', blob);
    expectCreated(await session.putBody(blob.digest, blob.bytes), 'uploads/finished', blob);
    expectCreated(await session.put(blob.digest, { body: chunked(blob.bytes) }), 'uploads/finished', blob);
    for (const pending of [session.status(), session.patch(blob.bytes), session.cancel()]) {
      expect(await refusal(pending)).toMatchObject({ status: 404, code: 'BLOB_UPLOAD_UNKNOWN' });
    }
    const other = await newBlob(100);
    expect(await refusal(session.put(other.digest))).toMatchObject({ status: 400, code: 'DIGEST_INVALID' });
    await expectServed('uploads/finished', blob);
  });

  it('is not shared: many at once keep their bytes apart', async () => {
    const blobs = await Promise.all(Array.from({ length: 12 }, (_, index) => newBlob(1_000 + index)));
    const sessions = await Promise.all(blobs.map(() => openSession('uploads/many')));
    expect(new Set(sessions.map(({ path }) => path)).size).toBe(blobs.length);
    await Promise.all(blobs.map(async (blob, index) => sessions[index]?.patch(chunked(blob.bytes, 100, 500))));
    const answers = await Promise.all(blobs.map(async (blob, index) => sessions[index]?.put(blob.digest)));
    expect(answers.map((answer) => answer?.status)).toEqual(blobs.map(() => 201));
    for (const blob of blobs) await expectServed('uploads/many', blob);
  });
});

describe('addresses of sessions', () => {
  const methods = ['GET', 'PATCH', 'PUT', 'DELETE'] as const;
  const ask = (method: (typeof methods)[number], path: string, { bytes, digest }: Blob) =>
    send(method, method === 'PUT' ? `${path}?digest=${digest}` : path, method === 'GET' ? {} : { body: bytes });

  it('that nobody opened are unknown, well formed or not', async () => {
    const blob = await newBlob(10);
    const opened = (await openSession('uploads/unknown')).path.split('/').at(-1) ?? '';
    const forged = `${opened.slice(0, -1)}${opened.endsWith('0') ? '1' : '0'}`;
    for (const id of [forged, 'f'.repeat(64), opened.toUpperCase(), 'x', '00000000-0000-4000-8000-000000000000']) {
      for (const method of methods) {
        const answer = await refusal(ask(method, `/v2/uploads/unknown/blobs/uploads/${id}`, blob));
        expect(answer, `${method} ${id}`).toMatchObject({ status: 404, code: 'BLOB_UPLOAD_UNKNOWN' });
      }
    }
  });

  it('of another repository are unknown, and the session is left alone (CVE-2026-32589)', async () => {
    const blob = await pushed('uploads/theirs', await newBlob(1_000));
    const mine = await openSession('uploads/mine');
    demand(await mine.patch(blob.bytes.subarray(0, 500)), 202);
    const theirs = new Session(mine.path.replace('/mine/', '/theirs/'));
    for (const method of methods) {
      const answer = await refusal(ask(method, theirs.path, blob));
      expect(answer, method).toMatchObject({ status: 404, code: 'BLOB_UPLOAD_UNKNOWN' });
    }
    expect(await mine.offset()).toBe(500);
    demand(await mine.patch(blob.bytes.subarray(500)), 202);
    expectCreated(await mine.put(blob.digest), 'uploads/mine', blob);
  });
});
