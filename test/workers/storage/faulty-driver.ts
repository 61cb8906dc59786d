/**
 * A storage driver that goes wrong on order. It wraps another one and keeps its contract for as long as no fault is
 * injected; what happens then is what a network and a store do to a caller:
 *
 * - `fails`: the operation is refused before the store has heard of it.
 * - `loses-answer`: the store has done it, and the caller is told of a failure.
 * - `breaks-stream`: the bytes stop at one of them, on their way to the store (`put`) or to the reader (`read`).
 * - `hold` stops a call where a test wants to look, until it is released; a pace makes all of them slow.
 */
import type { Digest, DigestAlgorithm } from '../../../src/oci/digest.ts';
import type {
  ByteRange,
  CompleteOutcome,
  PutOutcome,
  StorageDriver,
  StoredObject,
} from '../../../src/storage/driver.ts';
import { signal } from './contract/signal.ts';

export type Operation = 'put' | 'begin' | 'writePart' | 'complete' | 'abort' | 'read' | 'head' | 'delete';

type Fault =
  | { kind: 'fails' }
  | { kind: 'loses-answer' }
  /** Bytes before this offset of what is sent still pass. Only for `put` and `read`. */
  | { kind: 'breaks-stream'; atByte: number };

export class InjectedFault extends Error {
  override readonly name = 'InjectedFault';
}

interface Planned {
  fault: Fault;
  /** Calls of the operation that still pass unharmed. */
  after: number;
}

interface Hold {
  when: 'before' | 'after';
  reached: () => void;
  released: Promise<unknown>;
}

export class FaultyDriver implements StorageDriver {
  readonly name: string;
  readonly verifies: ReadonlySet<DigestAlgorithm>;
  readonly minPartBytes: number;
  readonly partsOfAnySize: boolean | undefined;
  readonly maxParts: number;
  readonly maxPutBytes: number;
  /** Every call so far, in the order in which they came. */
  readonly calls: Operation[] = [];
  readonly #driver: StorageDriver;
  readonly #pace: () => Promise<void>;
  readonly #planned = new Map<Operation, Planned[]>();
  readonly #holds = new Map<Operation, Hold[]>();

  /** `pace` is awaited before each operation reaches the store and again before its answer reaches the caller. */
  constructor(driver: StorageDriver, pace: () => Promise<void> = () => Promise.resolve()) {
    this.name = driver.name;
    this.verifies = driver.verifies;
    this.minPartBytes = driver.minPartBytes;
    this.partsOfAnySize = driver.partsOfAnySize;
    this.maxParts = driver.maxParts;
    this.maxPutBytes = driver.maxPutBytes;
    this.#driver = driver;
    this.#pace = pace;
  }

  /** The next call of an operation goes wrong, or the one that comes `after` so many others. Each fault strikes once. */
  inject(operation: Operation, fault: Fault, after = 0): void {
    if (fault.kind === 'breaks-stream' && operation !== 'put' && operation !== 'read') {
      throw new Error(`${operation} has no stream that could break`);
    }
    this.#planned.set(operation, [...(this.#planned.get(operation) ?? []), { fault, after }]);
  }

  /** Faults that have not struck: a test that ends with one has not shown what it says. */
  get pending(): number {
    return [...this.#planned.values()].reduce((sum, planned) => sum + planned.length, 0);
  }

  /** Stops the next call of an operation, before the store hears of it or after the store has done it. */
  hold(operation: Operation, when: 'before' | 'after'): { reached: Promise<unknown>; release: () => void } {
    const reached = signal();
    const released = signal();
    const hold = { when, reached: reached.give, released: released.given };
    this.#holds.set(operation, [...(this.#holds.get(operation) ?? []), hold]);
    return { reached: reached.given, release: released.give };
  }

  put(key: string, body: ReadableStream | Uint8Array, length: number, digest?: Digest): Promise<PutOutcome> {
    return this.#around('put', (breakAt) => {
      const sent = breakAt === undefined ? body : brokenAt(body, breakAt);
      return this.#driver.put(key, sent, length, digest);
    });
  }

  begin(key: string, partSizeBytes: number): Promise<string> {
    return this.#around('begin', () => this.#driver.begin(key, partSizeBytes));
  }

  writePart(state: string, number: number, bytes: Uint8Array, offset?: number): Promise<string> {
    return this.#around('writePart', () => this.#driver.writePart(state, number, bytes, offset));
  }

  complete(state: string, receipts: readonly string[]): Promise<CompleteOutcome> {
    return this.#around('complete', () => this.#driver.complete(state, receipts));
  }

  abort(state: string): Promise<void> {
    return this.#around('abort', () => this.#driver.abort(state));
  }

  read(key: string, range?: ByteRange): Promise<StoredObject | undefined> {
    return this.#around('read', async (breakAt) => {
      const object = await this.#driver.read(key, range);
      if (object === undefined || breakAt === undefined) return object;
      return { size: object.size, body: brokenAt(object.body, breakAt) };
    });
  }

  head(key: string): Promise<{ size: number } | undefined> {
    return this.#around('head', () => this.#driver.head(key));
  }

  delete(keys: readonly string[]): Promise<void> {
    return this.#around('delete', () => this.#driver.delete(keys));
  }

  async #around<Result>(
    operation: Operation,
    perform: (breakAt: number | undefined) => Promise<Result>,
  ): Promise<Result> {
    this.calls.push(operation);
    // Both are settled when the call comes, so that calls that run at once cannot take each other's.
    const fault = this.#takeFault(operation);
    const hold = this.#holds.get(operation)?.shift();
    await this.#pace();
    if (hold?.when === 'before') await holding(hold);
    if (fault?.kind === 'fails') throw new InjectedFault(`${operation} failed on purpose`);
    const result = await perform(fault?.kind === 'breaks-stream' ? fault.atByte : undefined);
    if (hold?.when === 'after') await holding(hold);
    await this.#pace();
    if (fault?.kind === 'loses-answer') throw new InjectedFault(`the answer to ${operation} was lost on purpose`);
    return result;
  }

  #takeFault(operation: Operation): Fault | undefined {
    const planned = this.#planned.get(operation) ?? [];
    const due = planned.find(({ after }) => after === 0);
    const rest = planned.filter((candidate) => candidate !== due);
    for (const waiting of rest) waiting.after = Math.max(0, waiting.after - 1);
    this.#planned.set(operation, rest);
    return due?.fault;
  }
}

async function holding(hold: Hold): Promise<void> {
  hold.reached();
  await hold.released;
}

/** A byte stream of the first bytes of a body, which then fails: also where the body would have ended. */
function brokenAt(body: ReadableStream | Uint8Array, atByte: number): ReadableStream {
  const reader = (body instanceof Uint8Array ? new Blob([body.slice()]).stream() : body).getReader();
  let left = atByte;
  return new ReadableStream({
    type: 'bytes',
    async pull(controller) {
      const chunk: unknown = left > 0 ? (await reader.read()).value : undefined;
      if (!(chunk instanceof Uint8Array)) {
        controller.error(new InjectedFault(`the stream broke on purpose at byte ${String(atByte)}`));
        await reader.cancel();
        return;
      }
      // A byte stream takes the buffer of what it is given, and this one may belong to somebody.
      const passed = chunk.slice(0, left);
      left -= passed.byteLength;
      controller.enqueue(passed);
    },
    cancel: (reason) => reader.cancel(reason),
  });
}
