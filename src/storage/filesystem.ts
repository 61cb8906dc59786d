/**
 * The filesystem driver, for `npm start`: bytes in plain files. Writing goes to the file service of the Node program
 * (standalone/files/service.ts says what it understands), which can sync and rename and which hashes on another core than
 * the Worker's; reading goes to workerd's own disk service, past Node (docs/adr/0007-the-filesystem-driver.md has figures).
 *
 * A multipart write is one file in which each part lies where it belongs, so finishing it copies nothing, and a part may
 * have any size. That leaves room for no gap between parts; and of two writes of one part the later counts, whose receipt
 * alone `complete` takes.
 */
import * as v from 'valibot';
import { digestAlgorithm, digestHex, type Digest } from '../oci/digest.ts';
import type { ByteRange, CompleteOutcome, PutOutcome, StorageDriver, StoredObject } from './driver.ts';

/** No limit of any file system; large enough that a part is worth its request. */
const MIN_PART_BYTES = 1024 * 1024;
/** With parts of 8 MiB that is 781 GiB. */
const MAX_PARTS = 100_000;

/**
 * A longer body is not sent before the service has said that it would take it: its answer to the body itself is heard only
 * when that has gone, and a body that was not touched can still be drained by whoever answers the client.
 */
const SENT_UNASKED_BYTES = 1024 * 1024;

/** Nobody resolves these names: the bindings lead to one place each. */
const FILES_URL = 'http://files/';
const DISK_URL = 'http://disk/';
/** The disk service shows the directory of blobs alone. */
const KEY_PREFIX = 'blobs/';

const CREATED = 201;
const PARTIAL_CONTENT = 206;
const NOT_FOUND = 404;
const REQUEST_TIMEOUT = 408;
const CONFLICT = 409;
const RANGE_NOT_SATISFIABLE = 416;
const UNPROCESSABLE = 422;
const INSUFFICIENT_STORAGE = 507;

const StateSchema = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ key: v.string(), id: v.string(), partSize: v.number() }),
);
const ReceiptSchema = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ id: v.string(), number: v.number(), offset: v.number(), size: v.number(), token: v.string() }),
);
const Begun = v.object({ id: v.string() });
const Written = v.object({ token: v.string() });

/** What `npm start` binds: the file service, and the directory of blobs. */
export interface FilesystemBindings {
  FILES: Fetcher;
  DISK: Fetcher;
}

export class FilesystemDriver implements StorageDriver {
  readonly name = 'filesystem';
  readonly verifies = new Set(['sha256', 'sha512'] as const);
  readonly minPartBytes = MIN_PART_BYTES;
  readonly partsOfAnySize = true;
  readonly maxParts = MAX_PARTS;
  readonly maxPutBytes = Number.MAX_SAFE_INTEGER;
  readonly #files: Fetcher;
  readonly #disk: Fetcher;

  constructor({ FILES, DISK }: FilesystemBindings) {
    this.#files = FILES;
    this.#disk = DISK;
  }

  async put(key: string, body: ReadableStream | Uint8Array, length: number, digest?: Digest): Promise<PutOutcome> {
    if (body instanceof Uint8Array && body.byteLength !== length) {
      throw new Error(`put of ${String(body.byteLength)} bytes was announced as ${String(length)}`);
    }
    const isStream = !(body instanceof Uint8Array);
    if (isStream && length > SENT_UNASKED_BYTES && (await this.#expect(key, length)) === 'exists') return 'exists';
    const search = new URLSearchParams({ length: String(length) });
    if (digest !== undefined) search.set(digestAlgorithm(digest), digestHex(digest));
    let response: Response;
    try {
      response = await this.#send('PUT', `objects/${key}?${search.toString()}`, body);
    } catch (error) {
      // The service hangs up on what it refuses while the body is under way: it may tell why when it is asked.
      if (isStream && (await this.#expect(key, length)) === 'too-slow') return 'too-slow';
      throw error;
    }
    switch (response.status) {
      case CREATED:
        return 'stored';
      case CONFLICT:
        return 'exists';
      case UNPROCESSABLE:
        return 'digest-mismatch';
      case REQUEST_TIMEOUT:
        await response.body?.cancel();
        return 'too-slow';
      default:
        throw await failure(response);
    }
  }

  /** What `put` would come to now; throws when it would be refused. */
  async #expect(key: string, length: number): Promise<'free' | 'exists' | 'too-slow'> {
    const response = await this.#send('GET', `objects/${key}?length=${String(length)}`);
    if (response.status === CONFLICT || response.status === REQUEST_TIMEOUT) {
      await response.body?.cancel();
      return response.status === CONFLICT ? 'exists' : 'too-slow';
    }
    await demandSuccess(response);
    return 'free';
  }

  async begin(key: string, partSizeBytes: number): Promise<string> {
    const response = await this.#send('POST', `uploads?key=${key}`);
    const { id } = v.parse(Begun, await contentOf(response));
    return JSON.stringify({ key, id, partSize: partSizeBytes });
  }

  async writePart(state: string, number: number, bytes: Uint8Array, given?: number): Promise<string> {
    const { id, partSize } = v.parse(StateSchema, state);
    if (number < 1 || number > MAX_PARTS) throw new Error(`there is no part ${String(number)}`);
    if (bytes.byteLength > partSize) throw new Error(`part ${String(number)} is larger than announced`);
    const offset = given ?? (number - 1) * partSize;
    const response = await this.#send('PUT', `uploads/${id}/${String(number)}?offset=${String(offset)}`, bytes);
    const { token } = v.parse(Written, await contentOf(response));
    return JSON.stringify({ id, number, offset, size: bytes.byteLength, token });
  }

  async complete(state: string, receipts: readonly string[]): Promise<CompleteOutcome> {
    const { key, id } = v.parse(StateSchema, state);
    const parts = receipts.map((receipt) => v.parse(ReceiptSchema, receipt));
    if (parts.some((part) => part.id !== id)) throw new Error('a receipt is of another multipart write');
    const named = parts.map(({ number, offset, size, token }) => ({ number, offset, size, token }));
    const response = await this.#send('POST', `uploads/${id}`, JSON.stringify({ key, parts: named }));
    if (response.status === CREATED) return 'stored';
    if (response.status === CONFLICT) return 'exists';
    throw await failure(response);
  }

  async abort(state: string): Promise<void> {
    const { id } = v.parse(StateSchema, state);
    await demandSuccess(await this.#send('DELETE', `uploads/${id}`));
  }

  async read(key: string, range?: ByteRange): Promise<StoredObject | undefined> {
    if (range !== undefined && range.length < 1) throw new Error(`${describeRange(range)} holds no byte`);
    const headers: HeadersInit =
      range === undefined ? {} : { range: `bytes=${String(range.offset)}-${String(range.offset + range.length - 1)}` };
    const response = await this.#disk.fetch(diskUrl(key), { headers });
    if (response.status === NOT_FOUND) return undefined;
    if (response.status !== RANGE_NOT_SATISFIABLE && !response.ok) throw await failure(response);
    const size = sizeIn(response);
    const isWithin = range === undefined || (response.ok && range.offset + range.length <= size);
    if (isWithin && response.body !== null) return { body: response.body, size };
    await response.body?.cancel();
    if (isWithin) return { body: new Blob([]).stream(), size };
    throw new Error(`${describeRange(range)} does not lie within the ${String(size)} bytes of ${key}`);
  }

  async head(key: string): Promise<{ size: number } | undefined> {
    const response = await this.#disk.fetch(diskUrl(key), { method: 'HEAD' });
    await response.body?.cancel();
    if (response.status === NOT_FOUND) return undefined;
    if (!response.ok) throw await failure(response);
    return { size: sizeIn(response) };
  }

  async delete(keys: readonly string[]): Promise<void> {
    await demandSuccess(await this.#send('DELETE', 'objects', JSON.stringify(keys)));
  }

  async isFull(): Promise<boolean> {
    const response = await this.#send('GET', 'space');
    await response.body?.cancel();
    return response.status === INSUFFICIENT_STORAGE;
  }

  #send(method: string, path: string, body?: Uint8Array | ReadableStream | string): Promise<Response> {
    return this.#files.fetch(`${FILES_URL}${path}`, { method, body: body ?? null });
  }
}

function diskUrl(key: string): string {
  if (!key.startsWith(KEY_PREFIX)) throw new Error(`${key} is no key`);
  return `${DISK_URL}${key.slice(KEY_PREFIX.length)}`;
}

/** Of the whole object: what a range was taken of stands behind the slash (RFC 9110 §14.4). */
function sizeIn(response: Response): number {
  const isPart = response.status === PARTIAL_CONTENT || response.status === RANGE_NOT_SATISFIABLE;
  const text = isPart ? response.headers.get('content-range')?.split('/')[1] : response.headers.get('content-length');
  const size = Number(text ?? NaN);
  if (!Number.isSafeInteger(size)) throw new Error('the disk service names no size');
  return size;
}

async function contentOf(response: Response): Promise<unknown> {
  if (!response.ok) throw await failure(response);
  return response.json();
}

async function demandSuccess(response: Response): Promise<void> {
  if (!response.ok) throw await failure(response);
  await response.body?.cancel();
}

async function failure(response: Response): Promise<Error> {
  return new Error(`the file service answered ${String(response.status)}: ${await response.text()}`);
}

function describeRange(range: ByteRange | undefined): string {
  return `the range of ${String(range?.length)} bytes from ${String(range?.offset)}`;
}
