/**
 * The R2 driver. R2 is strongly consistent and verifies SHA-256 in flight (`put`'s `sha256`); multipart uploads carry
 * no checksum, so there the caller hashes.
 *
 * Create-only: `put` carries `onlyIf: { etagDoesNotMatch: '*' }`. `complete` has no such condition, so it looks first;
 * two multipart writes that race for one key are excluded by keys that are never used twice.
 * An upload id is not checked on resume and parts cannot be listed: both live in the opaque state and receipts.
 * `complete` sorts parts and allows gaps between them, and `get` cuts a range to what is there, both silently: the driver
 * refuses first.
 * Sources: developers.cloudflare.com/r2/api/workers/workers-api-reference, /r2/platform/limits.
 */
import * as v from 'valibot';
import { digestAlgorithm, digestHex, type Digest } from '../oci/digest.ts';
import type { ByteRange, CompleteOutcome, PutOutcome, StorageDriver, StoredObject } from './driver.ts';

/** R2 refuses smaller parts, but for the last (R2 limits). */
const MIN_PART_BYTES = 5 * 1024 * 1024;
const MAX_PARTS = 10_000;
/** Single-request uploads end just under 5 GiB (R2 limits). */
const MAX_PUT_BYTES = 4_900 * 1024 * 1024;
/** `delete` takes at most this many keys a call. */
const MAX_DELETE_KEYS = 1_000;

/** R2's error code stands in brackets at the end of its message. */
const BAD_CHECKSUM = '(10037)';
const NO_SUCH_UPLOAD = '(10024)';

const StateSchema = v.pipe(v.string(), v.parseJson(), v.object({ key: v.string(), uploadId: v.string() }));
const ReceiptSchema = v.pipe(v.string(), v.parseJson(), v.object({ partNumber: v.number(), etag: v.string() }));

export class R2Driver implements StorageDriver {
  readonly name = 'r2';
  readonly verifies = new Set(['sha256'] as const);
  readonly minPartBytes = MIN_PART_BYTES;
  readonly maxParts = MAX_PARTS;
  readonly maxPutBytes = MAX_PUT_BYTES;
  readonly #bucket: R2Bucket;

  constructor(bucket: R2Bucket) {
    this.#bucket = bucket;
  }

  async put(key: string, body: ReadableStream | Uint8Array, length: number, digest?: Digest): Promise<PutOutcome> {
    if (body instanceof Uint8Array && body.byteLength !== length) {
      throw new Error(`put of ${String(body.byteLength)} bytes was announced as ${String(length)}`);
    }
    const verified = digest !== undefined && digestAlgorithm(digest) === 'sha256';
    const options = {
      onlyIf: { etagDoesNotMatch: '*' },
      ...(verified ? { sha256: digestHex(digest) } : {}),
    };
    try {
      // R2 answers null when the condition failed: the key exists.
      const stored: R2Object | null =
        body instanceof Uint8Array
          ? await this.#bucket.put(key, body, options)
          : await this.#putStream(key, body, length, options);
      return stored === null ? 'exists' : 'stored';
    } catch (error) {
      if (hasCode(error, BAD_CHECKSUM)) return 'digest-mismatch';
      throw error;
    }
  }

  async begin(key: string): Promise<string> {
    const upload = await this.#bucket.createMultipartUpload(key);
    return JSON.stringify({ key, uploadId: upload.uploadId });
  }

  async writePart(state: string, number: number, bytes: Uint8Array): Promise<string> {
    const { partNumber, etag } = await this.#resume(state).uploadPart(number, bytes);
    return JSON.stringify({ partNumber, etag });
  }

  async complete(state: string, receipts: readonly string[]): Promise<CompleteOutcome> {
    const { key } = v.parse(StateSchema, state);
    const parts = receipts.map((receipt) => v.parse(ReceiptSchema, receipt));
    const consecutive = parts.every(({ partNumber }, index) => partNumber === index + 1);
    if (parts.length === 0 || !consecutive) throw new Error('name the parts from 1 on, in order and without a gap');
    if ((await this.#bucket.head(key)) !== null) return 'exists';
    await this.#resume(state).complete(parts);
    return 'stored';
  }

  async abort(state: string): Promise<void> {
    try {
      await this.#resume(state).abort();
    } catch (error) {
      if (!hasCode(error, NO_SUCH_UPLOAD)) throw error;
    }
  }

  async read(key: string, range?: ByteRange): Promise<StoredObject | undefined> {
    if (range !== undefined && range.length < 1) throw new Error(`${describeRange(range)} holds no byte`);
    const object = await this.#bucket.get(key, range === undefined ? {} : { range });
    if (object === null) return undefined;
    const { body, size } = object;
    if (range !== undefined && range.offset + range.length > size) {
      await body.cancel();
      throw new Error(`${describeRange(range)} does not lie within the ${String(size)} bytes of ${key}`);
    }
    return { body, size };
  }

  async head(key: string): Promise<{ size: number } | undefined> {
    const object = await this.#bucket.head(key);
    return object === null ? undefined : { size: object.size };
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (let first = 0; first < keys.length; first += MAX_DELETE_KEYS) {
      await this.#bucket.delete(keys.slice(first, first + MAX_DELETE_KEYS));
    }
  }

  /**
   * R2 takes a stream only if its length is known, and believes what a native one says of itself. So every stream
   * passes a FixedLengthStream: native too, and one that ends early or runs on fails the put. What that cannot take is
   * the readable side of an IdentityTransformStream: workerd has no pipe between two of its own.
   */
  async #putStream(key: string, body: ReadableStream, length: number, options: R2PutOptions): Promise<R2Object | null> {
    const sized = new FixedLengthStream(length);
    // Whatever goes wrong on this side reaches R2's, which is the one to tell.
    body.pipeTo(sized.writable).catch(() => undefined);
    try {
      return await this.#bucket.put(key, sized.readable, options);
    } finally {
      // Where R2 answered without reading to the end, nobody will: this lets the body go.
      await sized.readable.cancel().catch(() => undefined);
    }
  }

  #resume(state: string): R2MultipartUpload {
    const { key, uploadId } = v.parse(StateSchema, state);
    return this.#bucket.resumeMultipartUpload(key, uploadId);
  }
}

function describeRange({ offset, length }: ByteRange): string {
  return `the range of ${String(length)} bytes from ${String(offset)}`;
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && error.message.includes(code);
}
