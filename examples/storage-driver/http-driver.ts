/**
 * A worked example of a storage driver (docs/storage-drivers.md), on any HTTP server that has GET with Range, HEAD, DELETE
 * (of a name with `/` at its end: of all below it) and a PUT that creates (`If-None-Match: *`), shows nothing before its
 * last byte and keeps the Content-Type.
 *
 *   blobs/ab/abcd…         an object: the bytes of one `put`, or else an index, which is JSON that names segments
 *   parts/<write>/3-9f0c…  a segment: part 3 of a multipart write, of which each attempt has a name of its own
 *   parts/<write>/open     is there from `begin` to the end of the write
 */
import * as v from 'valibot';
import type { StorageDriver } from '../../src/storage/driver.ts';

/** What tells an index from bytes. Their content must not: it is a client's, who could write an index too. */
const INDEX_TYPE = 'application/vnd.berth.example.index+json';
const STATUS = { partial: 206, missing: 404, taken: 412, full: 507 } as const;
const json = <Schema extends v.GenericSchema>(schema: Schema) => v.pipe(v.string(), v.parseJson(), schema);
const Index = json(v.object({ write: v.string(), size: v.number(), partSize: v.number(), names: v.array(v.string()) }));
const State = json(v.object({ key: v.string(), write: v.string(), partSize: v.number() }));
const Receipt = json(v.object({ name: v.string(), size: v.number() }));

/** `send` adds the server's address to a name, and credentials where it wants them. */
export function httpDriver(send: (name: string, init: RequestInit) => Promise<Response>): StorageDriver {
  /** Answers `undefined` where nothing is there, or for PUT, where something is. */
  async function ask(method: string, name: string, init: RequestInit = {}): Promise<Response | undefined> {
    const response = await send(name, { ...init, method });
    if (method !== 'GET' || !response.ok) await response.body?.cancel();
    if (response.ok) return response;
    if (response.status === (method === 'PUT' ? STATUS.taken : STATUS.missing)) return undefined;
    // By this word Berth knows a full store, and answers 507 (isFull in driver.ts).
    throw new Error(`${method} ${name}: ${response.status === STATUS.full ? 'ENOSPC' : `status ${response.status}`}`);
  }

  const create = (name: string, body: BodyInit, type = 'application/octet-stream'): Promise<Response | undefined> =>
    ask('PUT', name, { body, headers: { 'if-none-match': '*', 'content-type': type } });

  /** What an object is made of. One that came in one `put` is its own and only segment. */
  async function find(key: string): Promise<v.InferOutput<typeof Index> | undefined> {
    const head = await ask('HEAD', key);
    if (head?.headers.get('content-type') === INDEX_TYPE) return v.parse(Index, await (await ask('GET', key))?.text());
    const size = Number(head?.headers.get('content-length'));
    return head && { write: '', size, partSize: size, names: [key] };
  }

  return {
    name: 'example-http',
    verifies: new Set(),
    minPartBytes: 1024 * 1024,
    maxParts: 10_000,
    maxPutBytes: 4 * 1024 ** 3,

    async put(key, body, length) {
      let rest = length;
      const counter = new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, next) {
          if ((rest -= chunk.byteLength) < 0) throw new Error(`${key}: more than ${length} bytes`);
          next.enqueue(chunk);
        },
      });
      // Sent without its length, a stream that breaks off could pass for one that ends: this one has a length.
      const sized = new FixedLengthStream(length);
      const source = body instanceof Uint8Array ? new Blob([body]).stream() : body;
      const passed = source.pipeThrough(counter).pipeTo(sized.writable);
      passed.catch(() => undefined);
      try {
        if (!(await create(key, sized.readable))) return 'exists';
        // The server is content with `length` bytes. If more came, or a failure, only this side knows.
        await passed.catch(() => ask('DELETE', key));
        await passed;
        return 'stored';
      } finally {
        // A server that refuses does not read to the end, and nobody else will: this lets the body go.
        await sized.readable.cancel().catch(() => undefined);
      }
    },

    async begin(key, partSize) {
      const write = crypto.randomUUID();
      await create(`parts/${write}/open`, '');
      return JSON.stringify({ key, write, partSize });
    },

    async writePart(state, number, bytes) {
      const { write, partSize } = v.parse(State, state);
      const size = bytes.byteLength;
      if (number < 1 || number > this.maxParts || size > partSize) throw new Error(`part ${number} of ${size} bytes`);
      const name = `parts/${write}/${number}-${crypto.randomUUID()}`;
      await create(name, bytes);
      // Asked after writing: an `abort` before this is noticed here, and a later one finds the segment.
      if (await ask('HEAD', `parts/${write}/open`)) return JSON.stringify({ name, size });
      await ask('DELETE', name);
      throw new Error(`multipart write ${write} is over`);
    },

    async complete(state, receipts) {
      const { key, write, partSize } = v.parse(State, state);
      const parts = receipts.map((receipt) => v.parse(Receipt, receipt));
      const areParts = parts.every(({ name }, index) => name.startsWith(`parts/${write}/${index + 1}-`));
      const areWhole = parts.slice(0, -1).every(({ size }) => size === partSize);
      if (parts.length === 0 || !areParts || !areWhole) throw new Error('name whole parts from 1 on, without a gap');
      if (await ask('HEAD', key)) return 'exists';
      if (!(await ask('HEAD', `parts/${write}/open`))) throw new Error(`multipart write ${write} is over`);
      const size = parts.reduce((sum, part) => sum + part.size, 0);
      const index = JSON.stringify({ write, size, partSize, names: parts.map(({ name }) => name) });
      // The index appears at once, and with it the object.
      if (!(await create(key, index, INDEX_TYPE))) return 'exists';
      await ask('DELETE', `parts/${write}/open`);
      return 'stored';
    },

    async abort(state) {
      const { key, write } = v.parse(State, state);
      await ask('DELETE', `parts/${write}/open`);
      if ((await find(key))?.write !== write) await ask('DELETE', `parts/${write}/`);
    },

    async read(key, range) {
      const object = await find(key);
      if (object === undefined) return undefined;
      const { size, partSize, names } = object;
      const { offset, length } = range ?? { offset: 0, length: size };
      const end = offset + length;
      if (end > size || (range && length < 1)) throw new Error(`${key} has no bytes ${offset} to ${end}`);
      const { readable, writable } = new FixedLengthStream(length);
      const pass = async (): Promise<void> => {
        for (const [index, name] of names.entries()) {
          const [from, to] = [Math.max(offset - index * partSize, 0), Math.min(end - index * partSize, partSize)];
          if (from >= to) continue;
          const slice = await ask('GET', name, { headers: { range: `bytes=${from}-${to - 1}` } });
          if (slice?.status !== STATUS.partial) throw new Error(`${name}: gone, or the server does not know Range`);
          await slice.body?.pipeTo(writable, { preventClose: true });
        }
        await writable.close();
      };
      pass().catch((error: unknown) => writable.abort(error).catch(() => undefined));
      return { body: readable, size };
    },

    head: (key) => find(key).then((object) => object && { size: object.size }),

    async delete(keys) {
      for (const key of keys) {
        // The index goes last: a deletion that breaks off is repeated, and has to find what there is to delete.
        const write = (await find(key))?.write;
        if (write) await ask('DELETE', `parts/${write}/`);
        await ask('DELETE', key);
      }
    },
  };
}
