/** Bodies that nobody wants any more: their senders hear why, and are not listened to for ever. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { mintKey } from '../../../../src/storage/driver.ts';
import { ScratchStore, type Connection } from './scratch-store.ts';

const MEBIBYTE = 1024 * 1024;
/** More than the system and Node hold between two sides of a socket. */
const PART_BYTES = 8 * MEBIBYTE;
const DRAINED_MOST_BYTES = 32 * MEBIBYTE;
/** No disk has room for it. */
const ENDLESS_BYTES = 999_999_999_999_999;

const statusesOf = (connection: Connection) => expect.poll(() => connection.statuses);

describe('a part that is written again while its first body is waited for', () => {
  it('ends the first write, whose body is still taken to its end', async () => {
    const scratch = await ScratchStore.open();
    const id = await scratch.store.begin(mintKey());
    const path = `/uploads/${id}/1?offset=0`;
    const [first, second] = [await scratch.connect(), await scratch.connect()];
    const piece = Buffer.alloc(MEBIBYTE, 1);
    await first.begin('PUT', path, PART_BYTES);
    await first.write(piece);
    // What is written has been read; now the next piece is waited for.
    await expect.poll(() => statSync(join(scratch.root, 'uploads', id)).size).toBe(MEBIBYTE);
    await second.begin('PUT', path, MEBIBYTE);
    await second.write(piece);
    await statusesOf(second).toEqual([201]);
    await statusesOf(first).toEqual([500]);
    for (let sent = MEBIBYTE; sent < PART_BYTES; sent += MEBIBYTE) await first.write(piece);
    await first.begin('GET', '/space', 0);
    await statusesOf(first).toEqual([500, 204]);
    await scratch.store.abort(id);
  });
});

describe('a whole body that is refused', () => {
  it('for lack of space is answered at once, and hung up on after no more than is worth an answer', async () => {
    const scratch = await ScratchStore.open();
    const connection = await scratch.connect();
    await connection.begin('PUT', `/objects/${mintKey()}?length=${String(ENDLESS_BYTES)}`, ENDLESS_BYTES);
    await statusesOf(connection).toEqual([507]);
    const piece = Buffer.alloc(MEBIBYTE);
    let sent = 0;
    const sending = (async () => {
      for (; sent < 4 * DRAINED_MOST_BYTES; sent += piece.byteLength) await connection.write(piece);
    })();
    await expect(sending).rejects.toThrow();
    await connection.closed;
    expect(sent).toBeGreaterThan(DRAINED_MOST_BYTES - MEBIBYTE);
    // What is on its way when somebody hangs up.
    expect(sent).toBeLessThan(2 * DRAINED_MOST_BYTES);
    expect(scratch.uploads).toEqual([]);
  });

  it('can be known to be before a byte of it is sent', async () => {
    const scratch = await ScratchStore.open();
    const [connection, key, bytes] = [await scratch.connect(), mintKey(), Buffer.from('there')];
    const path = (length: number) => `/objects/${key}?length=${String(length)}`;
    await connection.begin('GET', path(bytes.byteLength), 0);
    await statusesOf(connection).toEqual([204]);
    await connection.begin('GET', path(ENDLESS_BYTES), 0);
    await statusesOf(connection).toEqual([204, 507]);
    await connection.begin('PUT', path(bytes.byteLength), bytes.byteLength);
    await connection.write(bytes);
    await statusesOf(connection).toEqual([204, 507, 201]);
    await connection.begin('GET', path(bytes.byteLength), 0);
    await statusesOf(connection).toEqual([204, 507, 201, 409]);
  });
});
