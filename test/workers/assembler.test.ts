/** Taking in a body, seen from inside: how long a client may be silent, what it reads into, and which parts it makes. */
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { WorkMeter } from '../../src/observability/work.ts';
import { Assembler, IDLE_BODY_MS, type AssemblyOutcome } from '../../src/objects/upload/assembler.ts';
import { Journal } from '../../src/objects/upload/journal.ts';
import { readBudget } from '../../src/objects/upload/memory-budget.ts';
import type { StorageDriver } from '../../src/storage/driver.ts';
import { FilesystemDriver } from '../../src/storage/filesystem.ts';
import { metered } from '../../src/storage/metered.ts';
import { collect, firstDifference, seededBytes } from './storage/contract/bytes.ts';
import { FaultyDriver } from './storage/faulty-driver.ts';

const KIB = 1_024;
const MIB = 1_024 * KIB;
const PART_BYTES = MIB;
const READ_BUDGET_BYTES = 16 * MIB;
const SECOND_MS = 1_000;

const files = (): FilesystemDriver => new FilesystemDriver({ FILES: env.TEST_FILES, DISK: env.TEST_DISK });

/** Bodies of one session, as its object takes them in. */
class Bodies {
  readonly journal: Journal;
  readonly #store: StorageDriver;
  readonly #partSize: number;

  constructor(journal: Journal, store: StorageDriver, partSize: number) {
    this.journal = journal;
    this.#store = store;
    this.#partSize = partSize;
  }

  async take(body: ReadableStream): Promise<AssemblyOutcome> {
    const epoch = this.journal.nextEpoch();
    const run = { epoch, partSize: this.#partSize, hash: createHash('sha256') };
    return new Assembler(this.journal, this.#store, run).run(body, Number.MAX_SAFE_INTEGER);
  }

  /** A body that the test brings itself. */
  begin(): { outcome: Promise<AssemblyOutcome>; writer: WritableStreamDefaultWriter<Uint8Array> } {
    const { readable, writable } = new IdentityTransformStream();
    return { outcome: this.take(readable), writer: writable.getWriter() };
  }

  async takeBytes(bytes: Uint8Array): Promise<AssemblyOutcome> {
    const { outcome, writer } = this.begin();
    // Whoever stops reading says why in the outcome.
    await writer.write(bytes).then(
      () => writer.close(),
      () => undefined,
    );
    return outcome;
  }
}

/** Runs in an object of its own, with an open session in it. */
function inSession<T>(store: StorageDriver, partSize: number, work: (bodies: Bodies) => Promise<T>): Promise<T> {
  return runInDurableObject(env.UPLOAD.get(env.UPLOAD.newUniqueId()), (_object, state) => {
    const journal = new Journal(state.storage);
    journal.database.ensure();
    journal.database.run("INSERT INTO session (repository, principal, expires_at) VALUES ('assembler', '', 0)");
    return work(new Bodies(journal, store, partSize));
  });
}

afterEach(() => {
  vi.useRealTimers();
});

describe('a client that was fast', () => {
  const fakeTime = () => vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'], now: Date.now() });

  async function sendFast(writer: WritableStreamDefaultWriter<Uint8Array>): Promise<number> {
    const piece = new Uint8Array(64 * KIB);
    for (let sent = 0; sent < 4 * MIB; sent += piece.byteLength) await writer.write(piece);
    return 4 * MIB;
  }

  it('and brings a KiB a second from now on is taken in to its end', async () => {
    fakeTime();
    await inSession(files(), 8 * MIB, async (bodies) => {
      const { outcome, writer } = bodies.begin();
      let sent = await sendFast(writer);
      for (let second = 0; second < 200; second += 1) {
        await Promise.race([writer.write(new Uint8Array(KIB)), outcome]);
        sent += KIB;
        await vi.advanceTimersByTimeAsync(SECOND_MS);
      }
      await Promise.race([writer.close(), outcome]);
      expect(await outcome).toBe('complete');
      expect(bodies.journal.session()?.committed).toBe(sent);
      await files().abort(bodies.journal.session()?.multipart ?? '');
    });
  });

  it('and brings nothing more is idle after a minute', async () => {
    fakeTime();
    await inSession(files(), 8 * MIB, async (bodies) => {
      const { outcome, writer } = bodies.begin();
      await sendFast(writer);
      let ended: AssemblyOutcome | undefined;
      void outcome.then((how) => {
        ended = how;
      });
      await vi.advanceTimersByTimeAsync(IDLE_BODY_MS - 2 * SECOND_MS);
      expect(ended).toBeUndefined();
      await vi.advanceTimersByTimeAsync(3 * SECOND_MS);
      expect(await outcome).toBe('idle');
      await files().abort(bodies.journal.session()?.multipart ?? '');
    });
  });
});

describe('while others hold all memory for reading', () => {
  it('a slow client is read from all the same, and is not ended for being slow', async () => {
    vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'], now: Date.now() });
    const others = readBudget.open();
    await others.take(READ_BUDGET_BYTES);
    try {
      await inSession(files(), 8 * MIB, async (bodies) => {
        const { outcome, writer } = bodies.begin();
        for (let byte = 0; byte < 4; byte += 1) {
          await Promise.race([writer.write(new Uint8Array(1)), outcome]);
          await vi.advanceTimersByTimeAsync(IDLE_BODY_MS / 3);
        }
        await Promise.race([writer.close(), outcome]);
        expect(await outcome).toBe('complete');
        expect(bodies.journal.session()?.committed).toBe(4);
      });
    } finally {
      others.give(READ_BUDGET_BYTES);
    }
    expect(readBudget.usedBytes).toBe(0);
  });
});

describe('what a fast client is read into', () => {
  async function usedWhile(others: number): Promise<number> {
    const shares = Array.from({ length: others }, () => readBudget.open());
    for (const share of shares) share.takeAtOnce(1);
    let used = 0;
    await inSession(files(), PART_BYTES, async (bodies) => {
      const { outcome, writer } = bodies.begin();
      for (let piece = 0; piece < 32; piece += 1) await writer.write(new Uint8Array(32 * KIB));
      used = readBudget.usedBytes;
      await writer.close();
      expect(await outcome).toBe('complete');
      await files().abort(bodies.journal.session()?.multipart ?? '');
    });
    for (const share of shares) share.give(1);
    expect(readBudget.usedBytes).toBe(0);
    return used;
  }

  it('is as large as its share of the memory: all of a MiB alone, less among others, and something among very many', async () => {
    expect(await usedWhile(0)).toBe(MIB);
    expect(await usedWhile(100)).toBe(128 * KIB + 100);
    expect(await usedWhile(1_000)).toBe(16 * KIB + 1_000);
  });
});

describe('chunks that fill no part', () => {
  const CHUNK_BYTES = 600 * KIB;
  const MOST_PARTS = 20;

  it('leave enough part numbers for whole parts, and all of them end in one object', async () => {
    const driver = files();
    const store = { ...metered(driver, new WorkMeter()), maxParts: MOST_PARTS };
    const bytes = seededBytes(1, 30 * CHUNK_BYTES);
    await inSession(store, PART_BYTES, async (bodies) => {
      const { journal } = bodies;
      for (let start = 0; start < bytes.byteLength; start += CHUNK_BYTES) {
        expect(await bodies.takeBytes(bytes.subarray(start, start + CHUNK_BYTES))).toBe('complete');
      }
      const { key = '', multipart = '', committed } = journal.session() ?? {};
      expect(committed).toBe(bytes.byteLength);
      const parts = journal.parts();
      expect(parts.filter(({ size }) => size < PART_BYTES)).toHaveLength(2);
      const receipts = parts.map(({ receipt }) => receipt);
      const tail = new Uint8Array(journal.tailBytes());
      journal.readTail(tail);
      if (tail.byteLength > 0) {
        receipts.push(await driver.writePart(multipart, parts.length + 1, tail, bytes.byteLength - tail.byteLength));
      }
      expect(await driver.complete(multipart, receipts)).toBe('stored');
      const object = await driver.read(key);
      expect(firstDifference(await collect(object?.body ?? new Blob([]).stream()), bytes)).toBeUndefined();
      await driver.delete([key]);
    });
  });
});

describe('a multipart write whose beginning was not heard out', () => {
  it('keeps its key, so that the next one clears up after it', async () => {
    const driver = new FaultyDriver(files());
    driver.inject('begin', { kind: 'loses-answer' });
    await inSession(driver, PART_BYTES, async (bodies) => {
      const bytes = seededBytes(2, PART_BYTES);
      expect(await bodies.takeBytes(bytes)).toBe('store-failed');
      const lost = bodies.journal.session();
      expect([lost?.multipart, lost?.committed]).toEqual([undefined, 0]);
      expect(await bodies.takeBytes(bytes)).toBe('complete');
      const { key = '', multipart = '' } = bodies.journal.session() ?? {};
      expect(key).toBe(lost?.key);
      const receipts = bodies.journal.parts().map(({ receipt }) => receipt);
      expect(await driver.complete(multipart, receipts)).toBe('stored');
      const object = await driver.read(key);
      expect(Buffer.compare(await collect(object?.body ?? new Blob([]).stream()), bytes)).toBe(0);
      // That no file of an unfinished write is left, the file service looks for in the end.
      await driver.delete([key]);
    });
  });

  it('goes with its key where the session ends', async () => {
    const driver = new FaultyDriver(files());
    driver.inject('begin', { kind: 'loses-answer' });
    await inSession(driver, PART_BYTES, async (bodies) => {
      expect(await bodies.takeBytes(seededBytes(3, PART_BYTES))).toBe('store-failed');
      await driver.delete([bodies.journal.session()?.key ?? '']);
    });
    expect(driver.pending).toBe(0);
  });
});
