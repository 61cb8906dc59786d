/** What is kept of the disk for the databases stays theirs, however many writes begin at once. */
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { DiskFull } from '../../../../standalone/files/failures.ts';
import { Space } from '../../../../standalone/files/space.ts';
import { mintKey } from '../../../../src/storage/driver.ts';
import { ScratchStore } from './scratch-store.ts';

/** Two of these do not fit together, whatever other programs do to the disk meanwhile. */
const LARGE_SHARE = 0.7;

describe('the space for blobs', () => {
  it('is asked for once, by writes that begin together', async () => {
    const { root, freeBytes } = await ScratchStore.open();
    const [space, large] = [new Space(root), Math.floor(freeBytes * LARGE_SHARE)];
    const reservation = await space.reserve(large);
    await expect(space.reserve(large)).rejects.toThrow(DiskFull);
    await expect(space.demand(large)).rejects.toThrow(DiskFull);
    reservation.end();
    (await space.reserve(large)).end();
  });

  it('is given back with each byte that the file system counts by itself, and never twice', async () => {
    const { root, freeBytes } = await ScratchStore.open();
    const [space, large] = [new Space(root), Math.floor(freeBytes * LARGE_SHARE)];
    const reservation = await space.reserve(large);
    // No byte is really written here: what counts as the file system's is free in its eyes.
    reservation.written(large - 1);
    reservation.written(1);
    reservation.written(large);
    const next = await space.reserve(large);
    reservation.end();
    reservation.end();
    await expect(space.reserve(large)).rejects.toThrow(DiskFull);
    next.end();
  });

  it('is held by a body that has been announced and has not come, until its write ends', async () => {
    const scratch = await ScratchStore.open();
    const { store } = scratch;
    const large = Math.floor(scratch.freeBytes * LARGE_SHARE);
    const body = new PassThrough();
    const first = store.put(mintKey(), body, large, undefined);
    const ended = expect(first).rejects.toThrow('shorter than announced');
    await expect.poll(() => scratch.uploads).toHaveLength(1);
    await expect(store.put(mintKey(), new PassThrough(), large, undefined)).rejects.toThrow(DiskFull);
    await expect(store.expect(mintKey(), large)).rejects.toThrow(DiskFull);
    const part = { offset: 0, body: new PassThrough(), length: large };
    await expect(store.writePart(await store.begin(mintKey()), 1, part)).rejects.toThrow(DiskFull);
    body.end('too little');
    await ended;
    expect(await store.expect(mintKey(), large)).toBe('free');
  });
});
