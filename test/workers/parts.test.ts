/** Parts of one PATCH are stored several at once, and may land in any order. */
import { beforeEach, describe, expect, it } from 'vitest';
import { chunked, openSession, openStreaming } from './client.ts';
import { faults } from './faults.ts';
import { newBlob, newWorld, repositoryName, served } from './world.ts';

const MIB = 1024 * 1024;
const UPLOAD_PART = 'Upload>store.uploadPart';

beforeEach(newWorld);

describe('a PATCH of many parts', () => {
  it('goes on when later parts land before the first, and commits them in their order', async () => {
    const blob = await newBlob(42 * MIB);
    const session = await openSession(repositoryName('parts'));
    const first = faults.pause(UPLOAD_PART);
    const patched = session.patch(chunked(blob.bytes, ...Array.from({ length: 42 }, () => MIB)));
    await first.reached();
    const begun = () => faults.trace.filter(({ point }) => point === UPLOAD_PART).length;
    await expect.poll(begun, { timeout: 20_000 }).toBeGreaterThanOrEqual(4);
    expect(await session.offset()).toBe(0);
    first.release();
    const response = await patched;
    expect([response.status, response.headers.get('range')]).toEqual([202, `0-${String(42 * MIB - 1)}`]);
    expect((await session.put(blob.digest)).status).toBe(201);
    expect(await served('parts', blob)).toBe('right');
  });

  it('whose store refuses the bytes in the end is not taken for stored', async () => {
    const blob = await newBlob(1_000);
    const session = await openStreaming(repositoryName('parts'));
    expect((await session.patch(blob.bytes)).status).toBe(202);
    faults.inject('Upload>store.put', 'fail-before');
    expect((await session.put(blob.digest)).status).toBe(503);
    expect(await served('parts', blob)).toBe(404);
    expect((await session.put(blob.digest)).status).toBe(201);
    expect(await served('parts', blob)).toBe('right');
  });
});
