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

  /** @param count also of operations that are made after the answer has begun, and with it the log line */
  countStoreOperation(count = 1): void {
    this.#work.storeOperations += count;
  }

  /** Counts one object call and the work that its answer reports, and returns its result. */
  async call<T>(pending: PromiseLike<Answer<T>>): Promise<T> {
    this.#work.objectCalls += 1;
    const { result, work } = await pending;
    this.#work.objectCalls += work.objectCalls;
    this.#work.storeOperations += work.storeOperations;
    return result;
  }

  /**
   * As `call`, for what can be asked twice: an object that moved or was reset (a deployment does that to all) is asked
   * once more, by a stub of its own. One that is overloaded is not: it has enough to do.
   * Source: developers.cloudflare.com/durable-objects/best-practices/error-handling
   */
  async callAgain<T>(make: () => PromiseLike<Answer<T>>): Promise<T> {
    try {
      return await this.call(make());
    } catch (error) {
      if (!isWorthAnotherTry(error)) throw error;
      return this.call(make());
    }
  }

  answer<T>(result: T): Answer<T> {
    return { result, work: this.work };
  }
}

function isWorthAnotherTry(error: unknown): boolean {
  if (typeof error !== 'object' || error === null || Reflect.get(error, 'overloaded') === true) return false;
  return Reflect.get(error, 'retryable') === true || Reflect.get(error, 'durableObjectReset') === true;
}
