/**
 * The fault-injecting driver keeps the contract when nothing is injected, and when all is merely slow. Its faults leave
 * a caller where the contract says: it knows nothing about the outcome, asks `head`, and can repeat every operation.
 */
import { env } from 'cloudflare:workers';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { R2Driver } from '../../../src/storage/r2.ts';
import { storageContract } from './contract.ts';
import { collect, digestOf, drain, firstDifference, KIB, streamOf } from './contract/bytes.ts';
import { Scratch } from './contract/scratch.ts';
import { FaultyDriver, InjectedFault, type Operation } from './faulty-driver.ts';

/** Twice an operation: enough for others to come in between, little enough for a thousand operations. */
const SLOW_MS = 2;
const SIZE = 200 * KIB;

storageContract('a faulty driver that has no fault', () => new FaultyDriver(new R2Driver(env.BLOBS)));

storageContract('a slow driver', () => {
  const pace = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, SLOW_MS));
  return new FaultyDriver(new R2Driver(env.BLOBS), pace);
});

describe('a fault', () => {
  const scratch = new Scratch(() => new R2Driver(env.BLOBS));
  afterEach(() => scratch.clean());

  const opened = (): FaultyDriver => new FaultyDriver(scratch.driver());

  it('before a put leaves nothing, and the put can be repeated', async () => {
    const driver = opened();
    const [key, bytes] = [scratch.key(), scratch.bytes(SIZE)];
    driver.inject('put', { kind: 'fails' });
    await expect(driver.put(key, bytes, SIZE)).rejects.toThrow(InjectedFault);
    expect(driver.pending).toBe(0);
    await scratch.expectNothing(driver, key);
    expect(await driver.put(key, bytes, SIZE)).toBe('stored');
    await scratch.expectObject(driver, key, bytes);
  });

  it('after a put leaves the object: head tells, and a repeated put is refused', async () => {
    const driver = opened();
    const [key, bytes] = [scratch.key(), scratch.bytes(SIZE)];
    driver.inject('put', { kind: 'loses-answer' });
    await expect(driver.put(key, streamOf(bytes), SIZE)).rejects.toThrow(InjectedFault);
    expect(await driver.head(key)).toEqual({ size: SIZE });
    expect(await driver.put(key, scratch.bytes(SIZE), SIZE)).toBe('exists');
    await scratch.expectObject(driver, key, bytes);
  });

  it.each([0, 1, SIZE / 2, SIZE - 1])('that breaks the body of a put at byte %i leaves nothing', async (atByte) => {
    const driver = opened();
    const [key, bytes] = [scratch.key(), scratch.bytes(SIZE)];
    for (const body of [bytes, streamOf(bytes)]) {
      driver.inject('put', { kind: 'breaks-stream', atByte });
      await expect(driver.put(key, body, SIZE, digestOf('sha256', bytes))).rejects.toThrow();
      expect(driver.pending).toBe(0);
      await scratch.expectNothing(driver, key);
    }
    expect(await driver.put(key, bytes, SIZE)).toBe('stored');
  });

  it.each([0, 1, SIZE / 2, SIZE])('that breaks a read at byte %i passes the bytes before it', async (atByte) => {
    const driver = opened();
    const [key, bytes] = [scratch.key(), scratch.bytes(SIZE)];
    await driver.put(key, bytes, SIZE);
    driver.inject('read', { kind: 'breaks-stream', atByte });
    const object = await driver.read(key);
    if (object === undefined) throw new Error('the object is missing');
    const reader = object.body.getReader();
    const pieces: Uint8Array[] = [];
    const readOn = async (): Promise<void> => {
      for (;;) {
        const piece: unknown = (await reader.read()).value;
        if (!(piece instanceof Uint8Array)) return;
        pieces.push(piece);
      }
    };
    await expect(readOn()).rejects.toThrow(InjectedFault);
    expect(firstDifference(Buffer.concat(pieces), bytes.subarray(0, atByte))).toBeUndefined();
    await scratch.expectObject(driver, key, bytes);
  });

  it('that breaks a read is also told to one who reads into a buffer of its own', async () => {
    const driver = opened();
    const [key, bytes] = [scratch.key(), scratch.bytes(SIZE)];
    await driver.put(key, bytes, SIZE);
    driver.inject('read', { kind: 'breaks-stream', atByte: SIZE - 1 });
    const object = await driver.read(key, { offset: 0, length: SIZE });
    if (object === undefined) throw new Error('the object is missing');
    await expect(drain(object.body, () => undefined)).rejects.toThrow(InjectedFault);
  });

  it('at a part leaves the parts before it, and the part can be written again', async () => {
    const driver = opened();
    const partSize = driver.minPartBytes;
    const [key, bytes] = [scratch.key(), scratch.bytes(partSize + 10)];
    const state = await scratch.begin(driver, key, partSize);
    const first = await driver.writePart(state, 1, bytes.subarray(0, partSize));
    for (const kind of ['fails', 'loses-answer'] as const) {
      driver.inject('writePart', { kind });
      await expect(driver.writePart(state, 2, bytes.subarray(partSize))).rejects.toThrow(InjectedFault);
    }
    const second = await driver.writePart(state, 2, bytes.subarray(partSize));
    expect(await driver.complete(state, [first, second])).toBe('stored');
    await scratch.expectObject(driver, key, bytes);
  });

  it('before a complete leaves nothing to see, and it can be repeated', async () => {
    const driver = opened();
    const [key, bytes] = [scratch.key(), scratch.bytes(SIZE)];
    const state = await scratch.begin(driver, key, driver.minPartBytes);
    const receipt = await driver.writePart(state, 1, bytes);
    driver.inject('complete', { kind: 'fails' });
    await expect(driver.complete(state, [receipt])).rejects.toThrow(InjectedFault);
    await scratch.expectNothing(driver, key);
    expect(await driver.complete(state, [receipt])).toBe('stored');
    await scratch.expectObject(driver, key, bytes);
  });

  it('after a complete leaves the object: head tells, and repeating it finds the object', async () => {
    const driver = opened();
    const [key, bytes] = [scratch.key(), scratch.bytes(SIZE)];
    const state = await scratch.begin(driver, key, driver.minPartBytes);
    const receipt = await driver.writePart(state, 1, bytes);
    driver.inject('complete', { kind: 'loses-answer' });
    await expect(driver.complete(state, [receipt])).rejects.toThrow(InjectedFault);
    expect(await driver.head(key)).toEqual({ size: SIZE });
    expect(await driver.complete(state, [receipt])).toBe('exists');
    await scratch.expectObject(driver, key, bytes);
  });

  it.each(['fails', 'loses-answer'] as const)(
    'at the end of an object (%s) does not stop a second try',
    async (kind) => {
      const driver = opened();
      const [key, bytes] = [scratch.key(), scratch.bytes(SIZE)];
      await driver.put(key, bytes, SIZE);
      const state = await scratch.begin(driver, key, driver.minPartBytes);
      for (const operation of ['abort', 'delete'] as const) {
        driver.inject(operation, { kind });
        const act = (): Promise<void> => (operation === 'abort' ? driver.abort(state) : driver.delete([key]));
        await expect(act()).rejects.toThrow(InjectedFault);
        await act();
      }
      await scratch.expectNothing(driver, key);
      await expect(driver.writePart(state, 1, bytes)).rejects.toThrow();
    },
  );

  it.each(['head', 'read', 'begin'] as const)('at %s is told, and the next call is served', async (operation) => {
    const driver = opened();
    const [key, bytes] = [scratch.key(), scratch.bytes(SIZE)];
    await driver.put(key, bytes, SIZE);
    driver.inject(operation, { kind: 'fails' });
    const call = async (): Promise<unknown> => {
      if (operation === 'head') return driver.head(key);
      if (operation === 'begin') return scratch.begin(driver, key, driver.minPartBytes);
      const object = await driver.read(key);
      return object === undefined ? undefined : collect(object.body);
    };
    await expect(call()).rejects.toThrow(InjectedFault);
    expect(await call()).toBeDefined();
  });

  it('strikes the call that it was meant for, and none beside it', async () => {
    const driver = opened();
    driver.inject('head', { kind: 'fails' }, 2);
    driver.inject('head', { kind: 'fails' }, 3);
    const key = scratch.key();
    const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => driver.head(key)));
    const expected = ['fulfilled', 'fulfilled', 'rejected', 'rejected', 'fulfilled'];
    expect(outcomes.map(({ status }) => status)).toEqual(expected);
    expect(driver.calls).toEqual(Array.from({ length: 5 }, (): Operation => 'head'));
    expect(driver.pending).toBe(0);
  });

  it('that could never strike is refused', () => {
    expect(() => {
      opened().inject('delete', { kind: 'breaks-stream', atByte: 0 });
    }).toThrow('no stream');
  });

  it('of time alone: a call that is held has happened or not, as the test wants it', async () => {
    const driver = opened();
    const [key, bytes] = [scratch.key(), scratch.bytes(SIZE)];
    const [before, after] = [driver.hold('put', 'before'), driver.hold('delete', 'after')];
    const put = driver.put(key, bytes, SIZE);
    await before.reached;
    await scratch.expectNothing(driver, key);
    before.release();
    expect(await put).toBe('stored');
    const deletion = driver.delete([key]);
    await after.reached;
    await scratch.expectNothing(driver, key);
    after.release();
    await deletion;
  });
});

afterAll(async () => {
  const { objects } = await env.BLOBS.list();
  expect(
    objects.map(({ key }) => key),
    'left in the bucket',
  ).toEqual([]);
});
