/** Bodies cut into chunks, in memory that all uploads share. */
import { randomBytes } from 'node:crypto';
import { PassThrough, Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { BodyChunks } from '../../../../tools/proxy/body-chunks.ts';
import { ChunkMemory } from '../../../../tools/proxy/chunk-memory.ts';

const NEVER = new AbortController().signal;

async function cut(
  sizes: readonly number[],
  chunkBytes: number,
): Promise<{ bytes: Buffer; ends: [number, boolean][] }> {
  const pieces = sizes.map((size) => randomBytes(size));
  const chunks = new BodyChunks(
    Readable.from(pieces.map((piece) => Buffer.from(piece))),
    new ChunkMemory(chunkBytes, chunkBytes),
    NEVER,
  );
  const ends: [number, boolean][] = [];
  const got: Buffer[] = [];
  for (let chunk = await chunks.next(); chunk !== undefined; chunk = await chunks.next()) {
    got.push(Buffer.from(chunk.bytes));
    ends.push([chunk.bytes.length, chunk.isLast]);
    chunk.release();
  }
  expect(Buffer.concat(got).equals(Buffer.concat(pieces))).toBe(true);
  return { bytes: Buffer.concat(got), ends };
}

describe('a body', () => {
  it.each<[string, number[], number, [number, boolean][]]>([
    ['nothing', [], 10, []],
    ['less than a chunk', [3, 4], 10, [[7, true]]],
    ['a chunk, of which nobody knows that it is the last', [10], 10, [[10, false]]],
    [
      'pieces that lie across chunks',
      [7, 7, 7],
      10,
      [
        [10, false],
        [10, false],
        [1, true],
      ],
    ],
    [
      'a piece of many chunks',
      [35],
      10,
      [
        [10, false],
        [10, false],
        [10, false],
        [5, true],
      ],
    ],
  ])('of %s', async (_, sizes, chunkBytes, ends) => {
    expect((await cut(sizes, chunkBytes)).ends).toEqual(ends);
  });

  it('that breaks off says so, and gives its memory back', async () => {
    const memory = new ChunkMemory(10, 10);
    const body = new PassThrough();
    const chunks = new BodyChunks(body, memory, NEVER);
    body.write('half');
    const chunk = chunks.next();
    await nextTurn();
    body.destroy(new Error('gone'));
    await expect(chunk).rejects.toThrow('gone');
    await memory.take(NEVER);
  });

  it('is read to its end by who does not want it', async () => {
    const body = Readable.from([randomBytes(100), randomBytes(100)]);
    const chunks = new BodyChunks(body, new ChunkMemory(10, 10), NEVER);
    (await chunks.next())?.release();
    await chunks.discard();
    expect(body.readableEnded).toBe(true);
  });

  it('that stops is sent as far as it came while others wait for memory', async () => {
    const memory = new ChunkMemory(10, 10);
    const slow = new PassThrough();
    const chunks = new BodyChunks(slow, memory, NEVER);
    slow.write('slow');
    const first = chunks.next();
    await nextTurn();
    const other = new BodyChunks(Readable.from([Buffer.from('other')]), memory, NEVER).next();
    const part = await first;
    expect(part).toMatchObject({ isLast: false });
    expect(part?.bytes.toString()).toBe('slow');
    part?.release();
    expect((await other)?.bytes.toString()).toBe('other');
    (await other)?.release();
    slow.end('er');
    expect(await chunks.next()).toMatchObject({ bytes: Buffer.from('er'), isLast: true });
  });

  it('of which nothing has come yet holds no memory', async () => {
    const memory = new ChunkMemory(10, 10);
    const silent = new BodyChunks(new PassThrough(), memory, NEVER);
    void silent.next();
    await nextTurn();
    await memory.take(NEVER);
  });
});

describe('memory for chunks', () => {
  it('is never more than its budget, however many ask, and always enough for one', async () => {
    const memory = new ChunkMemory(10, 25);
    const held = [await memory.take(NEVER), await memory.take(NEVER)];
    const third = memory.take(NEVER);
    expect(memory.isWanted).toBe(true);
    const [one] = held;
    if (one !== undefined) memory.give(one);
    expect(await third).toBe(one);
    expect((await new ChunkMemory(10, 5).take(NEVER)).length).toBe(10);
  });

  it('goes to who came first, and to nobody who has left', async () => {
    const memory = new ChunkMemory(10, 10);
    const buffer = await memory.take(NEVER);
    const leaving = new AbortController();
    const left = memory.take(leaving.signal);
    const stayed = memory.take(NEVER);
    leaving.abort(new Error('left'));
    await expect(left).rejects.toThrow('left');
    memory.give(buffer);
    expect(await stayed).toBe(buffer);
    expect(memory.isWanted).toBe(false);
    await expect(memory.take(leaving.signal)).rejects.toThrow('left');
  });
});
