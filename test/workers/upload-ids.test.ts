/** What the id of an upload session may not be bent to: its owner, its end, its object. */
import { env } from 'cloudflare:workers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LONGEST_UPLOAD_MS } from '../../src/config.ts';
import { parseRepositoryName } from '../../src/oci/repository-name.ts';
import { formatUploadId, parseUploadId, type UploadId } from '../../src/oci/upload-id.ts';
import { Session, demand, expectServed, expectUnknown, openSession } from './client.ts';
import { LogLines } from './log-lines.ts';
import { newBlob, newWorld, objects, passTime } from './world.ts';

let worlds = 0;
let name: string;

beforeEach(async () => {
  await newWorld();
  worlds += 1;
  name = `ids/${String(worlds)}`;
  new LogLines();
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** The same session by an id that was changed. */
function changed(session: Session, change: (id: UploadId) => Partial<UploadId>, repository = name): Session {
  const id = parseUploadId(session.path.split('/').at(-1) ?? '');
  if (id === undefined) throw new Error(`${session.path} has no id`);
  return new Session(`/v2/${repository}/blobs/uploads/${formatUploadId({ ...id, ...change(id) })}`);
}

describe('the id of a session', () => {
  it('is good for its repository alone', async () => {
    const blob = await newBlob();
    const session = await openSession(name);
    await expectUnknown(
      changed(session, () => ({}), `${name}/other`),
      blob,
    );
    expect((await session.putBody(blob.digest, blob.bytes)).status).toBe(201);
  });

  it.each<[string, (id: UploadId) => Partial<UploadId>]>([
    ['another end', ({ expiresAt }) => ({ expiresAt: expiresAt + 1 })],
    ['another object', () => ({ object: env.UPLOAD.newUniqueId().toString() })],
    ['an object of nowhere', () => ({ object: 'a'.repeat(64) })],
    ['another seal', () => ({ seal: 'a'.repeat(64) })],
  ])('with %s is unknown', async (_what, change) => {
    await expectUnknown(changed(await openSession(name), change), await newBlob());
  });

  it('with an end that lies further ahead than any upload may is unknown, though its seal is right', async () => {
    const repository = parseRepositoryName(name);
    if (repository === undefined) throw new Error(`${name} is no name`);
    const now = Date.now();
    passTime(LONGEST_UPLOAD_MS);
    const id = objects.newUpload(repository, 'anonymous', 'sha256');
    vi.setSystemTime(now);
    await expectUnknown(new Session(`/v2/${name}/blobs/uploads/${formatUploadId(id)}`), await newBlob());
    passTime(LONGEST_UPLOAD_MS);
    expect(await new Session(`/v2/${name}/blobs/uploads/${formatUploadId(id)}`).offset()).toBe(0);
  });

  it('with a hint that is wrong works as without', async () => {
    const blob = await newBlob();
    const hinted = changed(await openSession(name), () => ({ streams: true }));
    expect(await hinted.offset()).toBe(0);
    demand(await hinted.chunk(blob.bytes, 0), 202);
    const unhinted = changed(hinted, () => ({ streams: false }));
    expect(await unhinted.offset()).toBe(blob.bytes.byteLength);
    expect((await unhinted.put(blob.digest)).status).toBe(201);
    expect((await hinted.put(blob.digest)).status).toBe(201);
    await expectServed(name, blob);
  });

  it('of a session with a kept body may carry the hint too', async () => {
    const blob = await newBlob();
    const session = await openSession(name);
    demand(await session.patch(blob.bytes), 202);
    const hinted = changed(session, () => ({ streams: true }));
    expect((await hinted.put(blob.digest)).status).toBe(201);
    expect((await session.put(blob.digest)).status).toBe(201);
    await expectServed(name, blob);
  });
});
