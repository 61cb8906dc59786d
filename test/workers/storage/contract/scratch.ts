/**
 * What a contract test works on: drivers, fresh keys, multipart writes, and the promise that all of it is gone when the
 * test ends. Every key and state that a test uses is taken from here, so that the cleaning knows them.
 */
import { expect } from 'vitest';
import { mintKey, type CompleteOutcome, type StorageDriver } from '../../../../src/storage/driver.ts';
import { collect, firstDifference, seededBytes } from './bytes.ts';

/** Requests at once while cleaning up. */
const CLEANERS = 16;

export class Scratch {
  readonly #open: () => StorageDriver;
  #keys = new Set<string>();
  #states = new Set<string>();
  #nextSeed = 1;

  constructor(open: () => StorageDriver) {
    this.#open = open;
  }

  /** A driver of its own: nothing that another one remembers helps it. */
  driver(): StorageDriver {
    return this.#open();
  }

  /** A new key, or a given one that the test made itself. */
  key(key = mintKey()): string {
    this.#keys.add(key);
    return key;
  }

  /** Bytes that no other call returns. */
  bytes(length: number): Uint8Array<ArrayBuffer> {
    this.#nextSeed += 1;
    return seededBytes(this.#nextSeed, length);
  }

  async begin(driver: StorageDriver, key: string, partSizeBytes: number): Promise<string> {
    const state = await driver.begin(key, partSizeBytes);
    this.#states.add(state);
    return state;
  }

  /** A whole multipart write of these parts, numbered from 1. */
  async storeParts(driver: StorageDriver, key: string, parts: readonly Uint8Array[]): Promise<CompleteOutcome> {
    const state = await this.begin(driver, key, parts[0]?.byteLength ?? 0);
    const receipts: string[] = [];
    for (const [index, part] of parts.entries()) receipts.push(await driver.writePart(state, index + 1, part));
    return driver.complete(state, receipts);
  }

  /** The object is there, and all ways to look at it agree that it has these bytes. */
  async expectObject(driver: StorageDriver, key: string, bytes: Uint8Array): Promise<void> {
    expect(await driver.head(key)).toEqual({ size: bytes.byteLength });
    const object = await driver.read(key);
    if (object === undefined) throw new Error(`${key} has a head and no body`);
    expect(object.size).toBe(bytes.byteLength);
    expect(firstDifference(await collect(object.body), bytes)).toBeUndefined();
  }

  async expectNothing(driver: StorageDriver, key: string): Promise<void> {
    expect(await driver.head(key)).toBeUndefined();
    expect(await driver.read(key)).toBeUndefined();
  }

  /** Gives everything back, and fails when something stays. */
  async clean(): Promise<void> {
    const driver = this.driver();
    const [keys, states] = [[...this.#keys], [...this.#states]];
    this.#keys = new Set();
    this.#states = new Set();
    await inTurns(states, (state) => driver.abort(state));
    await driver.delete(keys);
    await inTurns(keys, (key) => this.expectNothing(driver, key));
    // Parts cannot be listed; but a multipart write that is over takes no more of them.
    await inTurns(states, (state) => expect(driver.writePart(state, 1, new Uint8Array(1))).rejects.toThrow());
  }
}

async function inTurns<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const queue = items.values();
  const cleaner = async (): Promise<void> => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: CLEANERS }, cleaner));
}
