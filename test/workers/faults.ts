/**
 * Interrupts Berth on purpose, from outside: every call that an object makes to the store or to another object passes
 * here, and a test may have it fail or have its caller crash, before the call is made or after it succeeded.
 * Nothing in src/ knows of it: the test's entry hands each object an environment whose bindings are wrapped.
 */

import type { OutboundBindings } from '../../src/objects/endpoint/outbound.ts';

export type FaultKind = 'fail-before' | 'fail-after' | 'crash-before' | 'crash-after';

export interface Call {
  /** `<caller>><callee>.<method>`, e.g. `Upload>store.put` or `Repository>BLOB_DIRECTORY.claim`. */
  point: string;
  /** How many calls of this point came before. */
  nth: number;
}

interface Plan extends Call {
  kind: FaultKind;
}

class InjectedFault extends Error {}

const POLL_MS = 2;
const POLLS = 5_000;

/** Both sides poll, since a request must not wait for a promise that only another request can settle. */
class Pause {
  readonly point: string;
  readonly when: 'before' | 'after';
  #held = false;
  #released = false;

  constructor(point: string, when: 'before' | 'after') {
    this.point = point;
    this.when = when;
  }

  async hold(): Promise<void> {
    this.#held = true;
    await until(() => this.#released, `the release of ${this.point}`);
  }

  reached(): Promise<void> {
    return until(() => this.#held, this.point);
  }

  release(): void {
    this.#released = true;
  }
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let poll = 0; poll < POLLS; poll += 1) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new Error(`waited in vain for ${what}`);
}

class Faults {
  #plans: Plan[] = [];
  #pauses: Pause[] = [];
  #counts = new Map<string, number>();
  /** Every call since the last reset. */
  trace: Call[] = [];
  /** Faults that took effect. */
  fired: Plan[] = [];

  reset(): void {
    this.#plans = [];
    this.#pauses = [];
    this.#counts.clear();
    this.trace = [];
    this.fired = [];
  }

  inject(point: string, kind: FaultKind, nth = 0): void {
    this.#plans.push({ point, kind, nth });
  }

  /** Holds the next call of a point, before it is made or after it was answered. */
  pause(point: string, when: 'before' | 'after' = 'before'): Pause {
    const pause = new Pause(point, when);
    this.#pauses.push(pause);
    return pause;
  }

  async around<T>(point: string, crash: (() => Promise<never>) | undefined, call: () => Promise<T>): Promise<T> {
    const nth = this.#counts.get(point) ?? 0;
    this.#counts.set(point, nth + 1);
    this.trace.push({ point, nth });
    const pause = this.#pauses.find((candidate) => candidate.point === point);
    this.#pauses = this.#pauses.filter((candidate) => candidate !== pause);
    if (pause?.when === 'before') await pause.hold();
    const hold = async <R>(result: R): Promise<R> => {
      if (pause?.when === 'after') await pause.hold();
      return result;
    };
    const plan = this.#plans.find((candidate) => candidate.point === point && candidate.nth === nth);
    if (plan === undefined) return hold(await call());
    this.#plans = this.#plans.filter((candidate) => candidate !== plan);
    this.fired.push(plan);
    const strike = (): Promise<never> => {
      if (plan.kind.startsWith('crash') && crash !== undefined) return crash();
      throw new InjectedFault(`${plan.kind} at ${point}`);
    };
    if (plan.kind.endsWith('before')) return strike();
    await hold(await call());
    return strike();
  }
}

export const faults = new Faults();

/** The environment of `caller`, with every binding wrapped. `state` lets the caller crash; a Worker has none. */
export function wrapped(env: Env & OutboundBindings, caller: string, state?: DurableObjectState): Env {
  const crash =
    state === undefined
      ? undefined
      : (): Promise<never> => {
          state.abort('crashed on purpose');
          return new Promise<never>(() => undefined);
        };
  const intercept = <T extends object>(target: T, name: string, only?: readonly string[]): T =>
    new Proxy(target, {
      get(real, property) {
        const value: unknown = Reflect.get(real, property, real);
        if (typeof property !== 'string' || typeof value !== 'function') return value;
        const method = (...given: unknown[]): unknown => Reflect.apply(value, real, given);
        if (only !== undefined && !only.includes(property)) return method;
        return (...given: unknown[]) =>
          faults.around(`${caller}>${name}.${property}`, crash, async () => method(...given));
      },
    });
  const bucket = new Proxy(intercept(env.BLOBS, 'store', ['put', 'get', 'head', 'delete']), {
    get(real, property) {
      if (property === 'createMultipartUpload') {
        return (key: string) =>
          faults.around(`${caller}>store.begin`, crash, async () =>
            intercept(await env.BLOBS.createMultipartUpload(key), 'store', ['uploadPart', 'complete', 'abort']),
          );
      }
      if (property === 'resumeMultipartUpload') {
        return (key: string, id: string) =>
          intercept(env.BLOBS.resumeMultipartUpload(key, id), 'store', ['uploadPart', 'complete', 'abort']);
      }
      const value: unknown = Reflect.get(real, property, real);
      return value;
    },
  });
  const namespaces = Object.fromEntries(
    (['REPOSITORY', 'UPLOAD', 'BLOB_DIRECTORY', 'CATALOG', 'ACCOUNTS', 'EVENT_LOG', 'ENDPOINT'] as const).map(
      (name) => [
        name,
        new Proxy(env[name] as DurableObjectNamespace, {
          get(real, property) {
            if (property === 'get') {
              return (...given: Parameters<DurableObjectNamespace['get']>) => intercept(real.get(...given), name);
            }
            const value: unknown = Reflect.get(real, property, real);
            if (typeof value !== 'function') return value;
            return (...given: unknown[]): unknown => Reflect.apply(value, real, given);
          },
        }),
      ],
    ),
  );
  return {
    ...env,
    ...namespaces,
    BLOBS: bucket,
    EVENTS: intercept(env.EVENTS, 'EVENTS', ['send', 'sendBatch']),
    ...(env.OUTBOUND === undefined ? {} : { OUTBOUND: intercept(env.OUTBOUND, 'OUTBOUND', ['fetch']) }),
  };
}
