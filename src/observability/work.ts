/**
 * Counted work: the Durable Object calls and store operations that a request causes, nested ones included.
 * They are what a user pays for and they are exact, so the request log prints them and tests hold them to bounds.
 */

export interface Work {
  /** Calls to Durable Objects. */
  objectCalls: number;
  /** Operations on the blob store (put, part, complete, get, head, delete). */
  storeOperations: number;
}

/** What every method of an object answers: its result and the work that the call caused further down. */
export interface Answer<T> {
  result: T;
  work: Work;
}

export class WorkMeter {
  readonly #work: Work = { objectCalls: 0, storeOperations: 0 };

  get work(): Work {
    return { ...this.#work };
  }

  countStoreOperation(): void {
    this.#work.storeOperations += 1;
  }

  /** Counts one object call and the work that its answer reports, and returns its result. */
  async call<T>(pending: PromiseLike<Answer<T>>): Promise<T> {
    this.#work.objectCalls += 1;
    const { result, work } = await pending;
    this.#work.objectCalls += work.objectCalls;
    this.#work.storeOperations += work.storeOperations;
    return result;
  }

  answer<T>(result: T): Answer<T> {
    return { result, work: this.work };
  }
}
