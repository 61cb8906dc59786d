/**
 * Bytes for the storage contract: made from a seed at any offset, so that an object may be larger than memory, and
 * compared either one by one or by a hash that streams.
 */
import { createHash } from 'node:crypto';
import { formatDigest, type Digest, type DigestAlgorithm } from '../../../../src/oci/digest.ts';

export const KIB = 1024;
export const MIB = 1024 * KIB;

const CHUNK_BYTES = 64 * KIB;
const READ_BYTES = 256 * KIB;

/** `length` bytes from `offset` of the endless sequence that belongs to `seed`. */
export function seededBytes(seed: number, length: number, offset = 0): Uint8Array<ArrayBuffer> {
  const firstWord = Math.floor(offset / 4);
  const words = new Uint32Array(Math.ceil((offset + length) / 4) - firstWord);
  for (let index = 0; index < words.length; index += 1) words[index] = scrambled(seed, firstWord + index);
  return new Uint8Array(words.buffer, offset - firstWord * 4, length);
}

/** Multiplications and shifts that leave no pattern a store could confuse: each word depends on all bits of both. */
function scrambled(seed: number, position: number): number {
  let word = Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(position, 0x85ebca6b);
  word = Math.imul(word ^ (word >>> 15), 0x2c1b3c6d);
  word = Math.imul(word ^ (word >>> 12), 0x297a2d39);
  return word ^ (word >>> 15);
}

interface StreamShape {
  chunkBytes?: number;
  /** How the stream ends after its last byte. */
  end?: 'close' | 'error';
  /** Awaited before the chunk at this offset is handed out, and before the end. */
  before?: (offset: number) => Promise<void>;
  onCancel?: () => void;
}

/** A stream of these bytes, made when they are asked for. */
export function streamOf(bytes: Uint8Array, shape: StreamShape = {}): ReadableStream<Uint8Array> {
  const { chunkBytes = CHUNK_BYTES, end = 'close', before, onCancel } = shape;
  let offset = 0;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      await before?.(offset);
      const chunk = bytes.slice(offset, offset + chunkBytes);
      offset += chunk.byteLength;
      if (chunk.byteLength > 0) controller.enqueue(chunk);
      else if (end === 'close') controller.close();
      else controller.error(new Error('the source broke on purpose'));
    },
    cancel() {
      onCancel?.();
    },
  });
}

/** Hands every piece to `take` and returns the number of bytes. Reads as Berth does, into its own buffer. */
export async function drain(
  body: ReadableStream,
  take: (piece: Uint8Array) => void | Promise<void>,
  readBytes = READ_BYTES,
): Promise<number> {
  const reader = body.getReader({ mode: 'byob' });
  let buffer = new ArrayBuffer(readBytes);
  let size = 0;
  for (;;) {
    const { done, value } = await reader.readAtLeast(readBytes, new Uint8Array(buffer));
    if (value !== undefined) {
      size += value.byteLength;
      await take(value);
      buffer = value.buffer;
    }
    if (done) return size;
  }
}

export async function collect(body: ReadableStream, readBytes = READ_BYTES): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  await drain(body, (piece) => void pieces.push(piece.slice()), readBytes);
  return Buffer.concat(pieces);
}

export async function hashOf(body: ReadableStream): Promise<{ size: number; sha256: string }> {
  const hash = createHash('sha256');
  const size = await drain(body, (piece) => void hash.update(piece));
  return { size, sha256: hash.digest('hex') };
}

export function digestOf(algorithm: DigestAlgorithm, bytes: Uint8Array): Digest {
  return formatDigest(algorithm, createHash(algorithm).update(bytes).digest('hex'));
}

/** Where two byte sequences part; `undefined` when they are the same. */
export function firstDifference(actual: Uint8Array, expected: Uint8Array): number | undefined {
  if (Buffer.compare(actual, expected) === 0) return undefined;
  const shorter = Math.min(actual.byteLength, expected.byteLength);
  for (let index = 0; index < shorter; index += 1) if (actual[index] !== expected[index]) return index;
  return shorter;
}
