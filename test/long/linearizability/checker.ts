/**
 * Whether a recorded history of one tag has an order: one in which every operation takes effect at one moment between
 * its request and its answer, and every answer is right. Pure.
 *
 * The search is Wing and Gong's (Testing and Verifying Concurrent Objects, 1993) with Lowe's order and memory (Testing
 * for Linearizability, 2017): time is gone through once, and what is known at each moment is the set of all cases, each
 * a value of the register and which of the open operations have taken effect. Operations take effect no sooner than the
 * end of one of them forces it. Cases that were met before are dropped, and so is each that another is never worse than:
 *
 * - An operation that changes nothing is over as soon as its answer is right: to wait could not help it.
 * - One without an answer that has not been used yet is worth more than one that has, since nobody has to use it.
 * - Of several such that would do the same, the one whose time is up first is used first.
 *
 * So the first answer that no case survives ends the shortest prefix that has no order.
 */
import { changes, step } from './register.ts';
import type { Operation, Value } from './register.ts';

/** 4,000 operations, five at a time, take some ten thousand cases. So many take ten seconds on a busy machine. */
const MOST_CASES = 1_000_000;

/** `too-hard`: nothing was found out. */
export type Verdict =
  | { readonly kind: 'linearizable'; readonly cases: number }
  | { readonly kind: 'violation'; readonly violation: Violation }
  | { readonly kind: 'too-hard'; readonly cases: number };

export interface Violation {
  /** Whatever had begun by the time of the answer that has no place. */
  readonly prefix: readonly Operation[];
  readonly culprit: Operation;
  /** What the tag may have led to between its request and its answer. */
  readonly possible: readonly Value[];
}

export interface CheckOptions {
  /** What the tag may have led to at the beginning; nothing by default. */
  readonly initial?: readonly Value[];
  readonly mostCases?: number;
}

export function check(history: readonly Operation[], options: CheckOptions = {}): Verdict {
  const { initial = [undefined], mostCases = MOST_CASES } = options;
  const relevant = history.filter(({ call, outcome }) => call.kind !== 'read' || outcome.kind !== 'unknown');
  const search = new Search(initial, mostCases);
  for (const { operation, isEnd } of eventsOf(relevant)) {
    if (!isEnd) {
      search.begin(operation);
      continue;
    }
    const result = search.end(operation);
    if (result === 'right') continue;
    if (result === 'too-hard') return { kind: 'too-hard', cases: search.cases };
    const prefix = history.filter(({ invoked }) => invoked <= operation.returned);
    return { kind: 'violation', violation: { prefix, culprit: operation, possible: result.possible } };
  }
  return { kind: 'linearizable', cases: search.cases };
}

interface Event {
  readonly at: number;
  readonly isEnd: boolean;
  readonly operation: Operation;
}

/** Of two at one time the request comes before the answer: whether they overlap cannot be told, so they may. */
function eventsOf(history: readonly Operation[]): Event[] {
  return history
    .flatMap((operation): Event[] => [
      { at: operation.invoked, isEnd: false, operation },
      { at: endOf(operation), isEnd: true, operation },
    ])
    .filter(({ at }) => at !== Infinity)
    .sort((one, other) => one.at - other.at || Number(one.isEnd) - Number(other.isEnd));
}

function endOf({ outcome, returned }: Operation): number {
  return outcome.kind === 'unknown' ? outcome.until : returned;
}

/** An operation that may still take effect; `bit` stands for it in a case. */
interface Open {
  readonly operation: Operation;
  readonly bit: bigint;
  readonly kind: 'change' | 'look' | 'maybe';
}

interface Case {
  readonly value: Value;
  /** Changes that have taken effect. */
  readonly made: bigint;
  /** Of looks those whose answer has not been right yet, of maybes those that were used: the fewer the better. */
  readonly debts: bigint;
}

class Search {
  cases = 0;
  readonly #most: number;
  readonly #open = new Map<Operation, Open>();
  #frontier = new Cases();

  constructor(initial: readonly Value[], most: number) {
    this.#most = most;
    for (const value of initial) this.#frontier.add({ value, made: 0n, debts: 0n });
  }

  begin(operation: Operation): void {
    const isMaybe = operation.outcome.kind === 'unknown';
    const kind = isMaybe ? 'maybe' : changes(operation) ? 'change' : 'look';
    const begun: Open = { operation, bit: this.#freeBit(), kind };
    this.#open.set(operation, begun);
    if (kind !== 'look') return;
    const { bit } = begun;
    this.#replace((one) => (step(operation, one.value) === 'impossible' ? { ...one, debts: one.debts | bit } : one));
  }

  /**
   * Its answer has come, or its time is up: it has taken effect, or is one that need not. Where the answer fits no case:
   * what the tag may have led to.
   */
  end(operation: Operation): 'right' | 'too-hard' | { readonly possible: Value[] } {
    const ending = this.#open.get(operation);
    if (ending === undefined) throw new Error('an operation ended before it began');
    const survivors = ending.kind === 'maybe' ? this.#frontier.copy() : new Cases();
    const seen = new Cases();
    const toDo: Case[] = [];
    const sort = (one: Case): void => {
      if (isOver(ending, one)) survivors.add(one);
      else if (seen.add(one)) toDo.push(one);
    };
    for (const one of this.#frontier) sort(one);
    for (let one = toDo.pop(); one !== undefined; one = toDo.pop()) {
      for (const next of this.#after(one)) {
        this.cases += 1;
        if (this.cases > this.#most) return 'too-hard';
        sort(next);
      }
    }
    this.#frontier = survivors;
    this.#forget(operation);
    return survivors.size > 0 ? 'right' : { possible: seen.values };
  }

  /** Each open change taking effect next. */
  *#after(one: Case): Generator<Case> {
    for (const open of this.#open.values()) {
      if (open.kind === 'look' || ((one.made | one.debts) & open.bit) !== 0n) continue;
      const result = step(open.operation, one.value);
      if (result === 'impossible') continue;
      const { value } = result;
      if (open.kind === 'change') yield this.#settled({ ...one, value, made: one.made | open.bit });
      else if (value !== one.value && !this.#hasSooner(one, open)) {
        yield this.#settled({ ...one, value, debts: one.debts | open.bit });
      }
    }
  }

  /** With every look done that is right now. */
  #settled({ value, made, debts }: Case): Case {
    let left = debts;
    for (const { kind, bit, operation } of this.#open.values()) {
      if (kind === 'look' && (left & bit) !== 0n && step(operation, value) !== 'impossible') left &= ~bit;
    }
    return { value, made, debts: left };
  }

  #hasSooner({ debts }: Case, { operation, bit }: Open): boolean {
    for (const other of this.#open.values()) {
      if (other.kind !== 'maybe' || other.bit === bit || (debts & other.bit) !== 0n) continue;
      if (!isSame(operation, other.operation)) continue;
      const lead = endOf(operation) === endOf(other.operation) ? 0 : endOf(operation) - endOf(other.operation);
      if (lead > 0 || (lead === 0 && other.bit < bit)) return true;
    }
    return false;
  }

  #forget(operation: Operation): void {
    const bit = this.#open.get(operation)?.bit ?? 0n;
    this.#open.delete(operation);
    this.#replace(({ value, made, debts }) => ({ value, made: made & ~bit, debts: debts & ~bit }));
  }

  #replace(change: (one: Case) => Case): void {
    const changed = new Cases();
    for (const one of this.#frontier) changed.add(change(one));
    this.#frontier = changed;
  }

  #freeBit(): bigint {
    const used = new Set([...this.#open.values()].map(({ bit }) => bit));
    let bit = 1n;
    while (used.has(bit)) bit <<= 1n;
    return bit;
  }
}

function isOver({ kind, bit }: Open, { made, debts }: Case): boolean {
  switch (kind) {
    case 'change':
      return (made & bit) !== 0n;
    case 'look':
      return (debts & bit) === 0n;
    case 'maybe':
      return (debts & bit) !== 0n;
  }
}

function isSame({ call: one }: Operation, { call: other }: Operation): boolean {
  if (one.kind === 'read' || other.kind === 'read' || one.kind !== other.kind) return false;
  if (one.kind === 'put' && other.kind === 'put' && one.digest !== other.digest) return false;
  const { condition: first } = one;
  const { condition: second } = other;
  if (first?.kind === 'is' && second?.kind === 'is') return first.digest === second.digest;
  return first?.kind === second?.kind;
}

/** A set without those that another in it is never worse than. */
class Cases {
  readonly #debts = new Map<string, { value: Value; made: bigint; debts: bigint[] }>();

  /** False where one that is never worse is there. */
  add({ value, made, debts }: Case): boolean {
    const key = `${made.toString(36)} ${value ?? ''}`;
    const alike = this.#debts.get(key);
    if (alike === undefined) {
      this.#debts.set(key, { value, made, debts: [debts] });
      return true;
    }
    if (alike.debts.some((present) => (present & debts) === present)) return false;
    alike.debts = [...alike.debts.filter((present) => (present & debts) !== debts), debts];
    return true;
  }

  copy(): Cases {
    const same = new Cases();
    for (const one of this) same.add(one);
    return same;
  }

  get size(): number {
    return this.#debts.size;
  }

  get values(): Value[] {
    return [...new Set([...this.#debts.values()].map(({ value }) => value))];
  }

  *[Symbol.iterator](): Generator<Case> {
    for (const { value, made, debts } of this.#debts.values()) {
      for (const each of debts) yield { value, made, debts: each };
    }
  }
}
