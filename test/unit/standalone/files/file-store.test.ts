/** Multipart writes that nobody has heard of: a crash came between their beginning and the row that names them. */
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { mintKey } from '../../../../src/storage/driver.ts';
import { ScratchStore } from './scratch-store.ts';

const part = (text: string) => ({ offset: 0, body: Readable.from([Buffer.from(text)]), length: text.length });

describe('a multipart write that began and whose id was lost', () => {
  it('goes with its key, and those of other keys stay', async () => {
    const scratch = await ScratchStore.open();
    const { store } = scratch;
    const key = mintKey();
    await store.begin(key);
    await store.begin(key);
    const neighbours = [await store.begin(mintKey()), await store.begin(`${key}0`)];
    expect(scratch.uploads).toHaveLength(4);
    await store.delete([mintKey(), key]);
    expect(scratch.uploads.sort()).toEqual(neighbours.sort());
  });

  it('goes when another write makes the object of its key', async () => {
    const scratch = await ScratchStore.open();
    const { store } = scratch;
    const key = mintKey();
    await store.begin(key);
    const id = await store.begin(key);
    const token = await store.writePart(id, 1, part('bytes'));
    expect(await store.complete(id, key, [{ number: 1, offset: 0, size: 5, token }])).toBe('stored');
    expect(scratch.uploads).toEqual([]);
  });
});

describe('the deletion of a key', () => {
  it('leaves a multipart write with bytes, and one whose first part is under way, alone', async () => {
    const scratch = await ScratchStore.open();
    const { store } = scratch;
    const key = mintKey();
    const [written, writing] = [await store.begin(key), await store.begin(key)];
    await store.writePart(written, 1, part('bytes'));
    const body = new Readable({ read: () => undefined });
    const token = store.writePart(writing, 1, { offset: 0, body, length: 5 });
    await store.delete([key]);
    expect(scratch.uploads.sort()).toEqual([written, writing].sort());
    body.push('later');
    body.push(null);
    const named = [{ number: 1, offset: 0, size: 5, token: await token }];
    expect(await store.complete(writing, key, named)).toBe('stored');
    await store.abort(written);
    expect(scratch.uploads).toEqual([]);
  });
});
