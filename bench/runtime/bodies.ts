/**
 * The body of a `PATCH` on its way to the file service, with as little as that takes: read into parts, hashed by native
 * code, and stored with several parts under way. Parts share their buffers, so that none becomes garbage. A body that fits
 * in one part is held until its digest is known, and then is one file with one write.
 */
import { createHash, type Hash } from 'node:crypto';
import type * as workers from '@cloudflare/workers-types';

const PART_BYTES = 8 * 1024 * 1024;
const PARTS_IN_FLIGHT = 3;
/** What a read waits for: hashing it is what other requests wait for. */
const READ_BYTES = 1024 * 1024;
/** A multipart write wants a key from the beginning; the digest is known at the end. */
const KEY_TO_COME = 'blobs/00/00000000';
/** From the file service: the file is there already. */
const CONFLICT = 409;

/** A body that has arrived. */
export interface Body {
  readonly hash: Hash;
  readonly size: number;
  readonly stored: { readonly upload: string; readonly parts: readonly Part[] } | { readonly held: Uint8Array };
}

interface Part {
  readonly number: number;
  readonly offset: number;
  readonly size: number;
  readonly token: string;
}

export class Bodies {
  readonly #files: workers.Fetcher;
  readonly #spare: ArrayBuffer[] = [];

  constructor(files: workers.Fetcher) {
    this.#files = files;
  }

  async take(stream: workers.ReadableStream): Promise<Body> {
    const hash = createHash('sha256');
    const reader = stream.getReader({ mode: 'byob' });
    const held = await fill(reader, this.#buffer(), hash);
    if (held.byteLength < PART_BYTES) return { hash, size: held.byteLength, stored: { held } };
    const upload = await this.#begin();
    const parts: Promise<Part>[] = [];
    let size = 0;
    for (let bytes = held; bytes.byteLength > 0; bytes = await fill(reader, this.#buffer(), hash)) {
      parts.push(this.#store(upload, { number: parts.length + 1, offset: size }, bytes));
      size += bytes.byteLength;
      if (bytes.byteLength < PART_BYTES) break;
      await parts[parts.length - PARTS_IN_FLIGHT];
    }
    return { hash, size, stored: { upload, parts: await Promise.all(parts) } };
  }

  /** The body becomes the file of that key. */
  async name({ size, stored }: Body, key: string): Promise<void> {
    if ('held' in stored) {
      const { held: body } = stored;
      await demand(await this.#files.fetch(`http://files/objects/${key}?length=${size}`, { method: 'PUT', body }));
      this.#recycle(body);
    } else {
      const body = JSON.stringify({ key, parts: stored.parts });
      await demand(await this.#files.fetch(`http://files/uploads/${stored.upload}`, { method: 'POST', body }));
    }
  }

  async #begin(): Promise<string> {
    const answer = await this.#files.fetch(`http://files/uploads?key=${KEY_TO_COME}`, { method: 'POST' });
    return (await answer.json<{ id: string }>()).id;
  }

  async #store(upload: string, at: { number: number; offset: number }, body: Uint8Array): Promise<Part> {
    const target = `http://files/uploads/${upload}/${at.number}?offset=${at.offset}`;
    const answer = await this.#files.fetch(target, { method: 'PUT', body });
    const { token } = await answer.json<{ token: string }>();
    this.#recycle(body);
    return { ...at, size: body.byteLength, token };
  }

  #buffer(): ArrayBuffer {
    return this.#spare.pop() ?? new ArrayBuffer(PART_BYTES);
  }

  #recycle({ buffer }: Uint8Array): void {
    if (buffer instanceof ArrayBuffer) this.#spare.push(buffer);
  }
}

/** Throws unless the file is there now. */
export async function demand(answer: workers.Response): Promise<void> {
  if (!answer.ok && answer.status !== CONFLICT) throw new Error(`${answer.status}: ${await answer.text()}`);
  await answer.body?.cancel();
}

/** Reads until the buffer is full or the body at its end. Each read takes the buffer away and brings it back as another. */
async function fill(reader: workers.ReadableStreamBYOBReader, empty: ArrayBuffer, hash: Hash): Promise<Uint8Array> {
  let filled = 0;
  let rest = new Uint8Array<ArrayBufferLike>(empty);
  for (;;) {
    const wanted = Math.min(READ_BYTES, rest.byteLength);
    const { value, done } = await reader.readAtLeast(wanted, rest.subarray(0, wanted));
    if (value !== undefined) {
      hash.update(value);
      filled += value.byteLength;
      rest = new Uint8Array(value.buffer, filled);
    }
    if (done || value.byteLength < wanted || rest.byteLength === 0) return new Uint8Array(rest.buffer, 0, filled);
  }
}
