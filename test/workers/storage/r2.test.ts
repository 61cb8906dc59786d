/** The R2 driver keeps the storage contract, on the simulator that the tests run with. */
import { env } from 'cloudflare:workers';
import { afterAll, describe, expect, it } from 'vitest';
import { digestHex } from '../../../src/oci/digest.ts';
import { mintKey } from '../../../src/storage/driver.ts';
import { R2Driver } from '../../../src/storage/r2.ts';
import { storageContract } from './contract.ts';
import { digestOf, streamOf } from './contract/bytes.ts';
import { signal } from './contract/signal.ts';

storageContract('R2', () => new R2Driver(env.BLOBS));

afterAll(async () => {
  const { objects } = await env.BLOBS.list();
  expect(
    objects.map(({ key }) => key),
    'left in the bucket',
  ).toEqual([]);
});

describe('the R2 driver', () => {
  it.each([
    ['fails', () => Promise.reject(new Error('put: We encountered an internal error. (10001)'))],
    ['finds the key taken', () => Promise.resolve(null)],
  ])('lets the body go when R2 %s before it has read it', async (_how, put) => {
    // The simulator always reads to the end first; R2 itself need not.
    const driver = new R2Driver(bucketWhere({ put }));
    const released = signal();
    const body = streamOf(new Uint8Array(100_000), { chunkBytes: 1_000, onCancel: released.give });
    await driver.put(mintKey(), body, 100_000).catch(() => undefined);
    await released.given;
    expect(body.locked).toBe(false);
  });

  it('asks R2 itself to refuse a key that exists, and to verify a SHA-256', async () => {
    const asked: unknown[] = [];
    const put = (_key: unknown, _body: unknown, options: unknown): Promise<null> => {
      asked.push(options);
      return Promise.resolve(null);
    };
    const driver = new R2Driver(bucketWhere({ put }));
    const bytes = new Uint8Array(3);
    const digest = digestOf('sha256', bytes);
    expect(await driver.put(mintKey(), bytes, 3)).toBe('exists');
    expect(await driver.put(mintKey(), bytes, 3, digest)).toBe('exists');
    const onlyIf = { etagDoesNotMatch: '*' };
    expect(asked).toEqual([{ onlyIf }, { onlyIf, sha256: digestHex(digest) }]);
  });

  it('never asks R2 to delete more than the 1,000 keys that it takes at once', async () => {
    // The simulator takes any number.
    const asked: string[][] = [];
    const driver = new R2Driver(
      bucketWhere({
        delete: (keys: string[]) => {
          asked.push(keys);
          return Promise.resolve();
        },
      }),
    );
    const keys = Array.from({ length: 2_001 }, mintKey);
    await driver.delete(keys);
    expect(asked.map((batch) => batch.length)).toEqual([1_000, 1_000, 1]);
    expect(asked.flat()).toEqual(keys);
  });

  it('refuses a state or a receipt that it did not make', async () => {
    const driver = new R2Driver(env.BLOBS);
    await expect(driver.writePart('no state', 1, new Uint8Array(1))).rejects.toThrow();
    await expect(driver.abort('{"key":"blobs/ab/abcd"}')).rejects.toThrow();
    const state = await driver.begin(mintKey());
    await expect(driver.complete(state, ['{"partNumber":"1"}'])).rejects.toThrow();
    await driver.abort(state);
  });
});

/** The bucket with some operations replaced, where R2 may behave as its simulator never does. */
function bucketWhere(replaced: Readonly<Record<string, (...given: never[]) => Promise<unknown>>>): R2Bucket {
  return new Proxy(env.BLOBS, {
    get(bucket, property) {
      if (typeof property === 'string' && Object.hasOwn(replaced, property)) return replaced[property];
      const value: unknown = Reflect.get(bucket, property, bucket);
      return value;
    },
  });
}
