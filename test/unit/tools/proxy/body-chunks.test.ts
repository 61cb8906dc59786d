/** Bodies cut into chunks, in memory that all uploads share. */
import { randomBytes } from 'node:crypto';
import { PassThrough, Readable } from 'node:stream';
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BodyChunks } from '../../../../tools/proxy/body-chunks.ts';
import { BufferLine, ChunkMemory } from '../../../../tools/proxy/chunk-memory.ts';

const NEVER = new AbortController().signal;

async function cut(
  sizes: readonly number[],
  chunkBytes: number,
): Promise<{ bytes: Buffer; ends: [number, boolean][] }> {
  const pieces = sizes.map((size) => randomBytes(size));
  const chunks = new BodyChunks(
    Readable.from(pieces.map((piece) => Buffer.from(piece))),
    new ChunkMemory(chunkBytes, chunkBytes, 4),
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

/** A dot each so many milliseconds, after a beginning. */
function trickling(beginning: string, everyMs: number): PassThrough {
  const body = new PassThrough();
  body.write(beginning);
  const timer = setInterval(() => body.write('.'), everyMs);
  onTestFinished(() => {
    clearInterval(timer);
  });
  return body;
}

/** Large buffers of ten bytes, so many, and small ones of four. */
const memoryOf = (most: number): ChunkMemory => new ChunkMemory(10, 10 * most, 4);

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
    const memory = memoryOf(1);
    const body = new PassThrough();
    const chunks = new BodyChunks(body, memory, NEVER);
    body.write('a half');
    const chunk = chunks.next();
    await nextTurn();
    body.destroy(new Error('gone'));
    await expect(chunk).rejects.toThrow('gone');
    expect(memory.whole.takeAtOnce()).toBeDefined();
  });

  it('is read to its end by who does not want it', async () => {
    const body = Readable.from([randomBytes(100), randomBytes(100)]);
    const chunks = new BodyChunks(body, new ChunkMemory(10, 10), NEVER);
    (await chunks.next())?.release();
    await chunks.discard();
    expect(body.readableEnded).toBe(true);
  });

  it('that stops is sent as far as it came while others wait for memory', async () => {
    const memory = memoryOf(1);
    const slow = new PassThrough();
    const chunks = new BodyChunks(slow, memory, NEVER);
    slow.write('slowly');
    const first = chunks.next();
    await nextTurn();
    const other = new BodyChunks(Readable.from([Buffer.from('another')]), memory, NEVER).next();
    const part = await first;
    expect(part).toMatchObject({ isLast: false });
    expect(part?.bytes.toString()).toBe('slowly');
    part?.release();
    expect((await other)?.bytes.toString()).toBe('another');
    (await other)?.release();
    slow.end('er');
    expect(await chunks.next()).toMatchObject({ bytes: Buffer.from('er'), isLast: true });
  });

  it('that trickles is sent as far as it came while others wait, though it is never silent for long', async () => {
    const memory = new ChunkMemory(1_000, 1_000, 4);
    const slow = trickling('slowly', 200);
    const first = new BodyChunks(slow, memory, NEVER).next();
    await nextTurn();
    const other = new BodyChunks(Readable.from([Buffer.from('another')]), memory, NEVER).next();
    const part = await first;
    expect(part).toMatchObject({ isLast: false });
    expect(part?.bytes.toString()).toMatch(/^slowly\.+$/);
    part?.release();
    expect((await other)?.bytes.toString()).toBe('another');
  });

  it('that trickles holds no memory that a fast one needs, however many do', async () => {
    const memory = memoryOf(1);
    const slow = Array.from({ length: 20 }, () => new BodyChunks(trickling('s', 100_000), memory, NEVER).next());
    await nextTurn();
    const fast = new BodyChunks(Readable.from([randomBytes(35)]), memory, NEVER);
    for (const length of [10, 10, 10, 5]) {
      const chunk = await fast.next();
      expect(chunk?.bytes).toHaveLength(length);
      chunk?.release();
    }
    const state = await Promise.race([...slow, Promise.resolve('none has come to its end')]);
    expect(state).toBe('none has come to its end');
  });

  it('that is slow goes on in small chunks while all large memory is taken, and waits for none', async () => {
    const memory = memoryOf(1);
    memory.whole.takeAtOnce();
    const slow = new PassThrough();
    const chunks = new BodyChunks(slow, memory, NEVER);
    slow.write('s');
    const chunk = chunks.next();
    // Longer than the patience with who fills a chunk.
    await delay(1_500);
    slow.end('lowly');
    expect((await chunk)?.bytes.toString()).toBe('slow');
    (await chunk)?.release();
    expect(await chunks.next()).toMatchObject({ bytes: Buffer.from('ly'), isLast: true });
  });

  it('of which nothing has come yet holds no memory', async () => {
    const memory = memoryOf(1);
    const silent = new BodyChunks(new PassThrough(), memory, NEVER);
    void silent.next();
    await nextTurn();
    expect(memory.first.takeAtOnce()).toBeDefined();
    expect(memory.whole.takeAtOnce()).toBeDefined();
  });
});

describe('memory for chunks', () => {
  it('is never more than its budget, however many ask, and always enough for one', async () => {
    const { whole } = new ChunkMemory(10, 25);
    const held = [await whole.take(NEVER), await whole.take(NEVER)];
    const third = whole.take(NEVER);
    expect([whole.takeAtOnce(), whole.isWanted]).toEqual([undefined, true]);
    const [one] = held;
    if (one !== undefined) whole.give(one);
    expect(await third).toBe(one);
    expect((await new ChunkMemory(10, 5).whole.take(NEVER)).length).toBe(10);
  });

  it('goes to who came first, and to nobody who has left', async () => {
    const memory = new BufferLine(10, 1);
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
