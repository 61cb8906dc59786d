/**
 * Reads of one thing that come at the same time share a call, and are linearizable all the same: who arrives while a call
 * is under way might get from it what was true before he asked, so he waits for the next one, which all who arrived
 * meanwhile share. So one tag that thousands of nodes pull costs its object two calls at a time, however many they are.
 *
 * What is shared are plain values, never a Response or a stream. A request may go away and take its promise with it: its
 * call is held by `waitUntil`, and who has waited too long for another's makes his own.
 */

const PATIENCE_MS = 2_000;

export class SharedReads<T> {
  readonly #running = new Map<string, Promise<T>>();
  /** Not begun yet: whoever arrives before it is may share it. */
  readonly #next = new Map<string, Promise<T>>();

  /** @param hold keeps a call alive when its request has gone. */
  async read(key: string, start: () => Promise<T>, hold: (work: Promise<unknown>) => void): Promise<T> {
    const running = this.#running.get(key);
    if (running === undefined) return this.#lead(key, start, hold);
    let next = this.#next.get(key);
    if (next === undefined) {
      next = ended(running).then(() => {
        forget(this.#next, key, next);
        return this.#lead(key, start, hold);
      });
      this.#next.set(key, next);
      hold(ended(next));
    }
    const shared = await patiently(next);
    if (shared !== undefined) return shared.value;
    // Nobody else is to wait for it either.
    forget(this.#next, key, next);
    forget(this.#running, key, running);
    return start();
  }

  #lead(key: string, start: () => Promise<T>, hold: (work: Promise<unknown>) => void): Promise<T> {
    const call: Promise<T> = start().finally(() => {
      forget(this.#running, key, call);
    });
    this.#running.set(key, call);
    hold(ended(call));
    return call;
  }
}

function forget<T>(calls: Map<string, Promise<T>>, key: string, call: Promise<T> | undefined): void {
  if (calls.get(key) === call) calls.delete(key);
}

async function ended(call: Promise<unknown>): Promise<void> {
  await call.catch(() => undefined);
}

/** Undefined where the call failed, or took too long: it is another request's, and says nothing about this one. */
async function patiently<T>(call: Promise<T>): Promise<{ value: T } | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, PATIENCE_MS, undefined);
  });
  const outcome = call.then(
    (value) => ({ value }),
    () => undefined,
  );
  try {
    return await Promise.race([outcome, late]);
  } finally {
    clearTimeout(timer);
  }
}
