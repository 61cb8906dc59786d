/** What a session is after something went wrong: over, or ready for the right request. */
import { beforeEach, describe, expect, it } from 'vitest';
import { chunked, openSession } from './client.ts';
import { faults } from './faults.ts';
import { newBlob, newWorld, repositoryName, served } from './world.ts';

const MIB = 1024 * 1024;
/** How often a part is tried before its PATCH fails. */
const PART_TRIES = 3;

const open = () => openSession(repositoryName('end'));

beforeEach(newWorld);

describe('a wrong digest', () => {
  it('after PATCHes ends the session, since its bytes are not what was meant', async () => {
    const [blob, other] = [await newBlob(), await newBlob()];
    const session = await open();
    expect((await session.patch(blob.bytes)).status).toBe(202);
    expect((await session.put(other.digest)).status).toBe(400);
    expect((await session.status()).status).toBe(404);
    expect((await session.put(blob.digest)).status).toBe(404);
    expect(await served('end', blob)).toBe(404);
  });

  it('of a whole body leaves the session as it was', async () => {
    const [blob, other] = [await newBlob(), await newBlob()];
    const session = await open();
    expect((await session.putBody(other.digest, blob.bytes)).status).toBe(400);
    expect((await session.putBody(blob.digest, blob.bytes)).status).toBe(201);
    expect(await served('end', blob)).toBe('right');
  });
});

describe('a store that fails during a PATCH', () => {
  it('is told with the bytes that are safe, and the client goes on from there', async () => {
    const blob = await newBlob(17 * MIB);
    const session = await open();
    for (let nth = 1; nth <= PART_TRIES; nth += 1) faults.inject('Upload>store.uploadPart', 'fail-before', nth);
    const failed = await session.patch(chunked(blob.bytes, ...Array.from({ length: 17 }, () => MIB)));
    expect(failed.status).toBe(503);
    // To send the same body again without saying where it starts would bring the safe bytes twice.
    expect(failed.headers.has('retry-after')).toBe(false);
    const safe = await session.offset();
    expect(failed.headers.get('range')).toBe(`0-${String(Math.max(0, safe - 1))}`);
    expect((await session.chunk(blob.bytes.slice(safe), safe)).status).toBe(202);
    expect((await session.put(blob.digest)).status).toBe(201);
    expect(await served('end', blob)).toBe('right');
  });
});
