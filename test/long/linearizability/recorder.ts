/** What happened to each tag, and when Berth was killed: with both, until when a lost request could take effect. */
import type { Call, Operation, Outcome } from './register.ts';

/**
 * How a request was lost. `cut`: its connection broke, since its process was killed. `unavailable`: it was answered 5xx,
 * by a process that may yet do it.
 */
export type Loss = 'cut' | 'unavailable';

interface Kill {
  readonly began: number;
  /** When nothing of what was killed was left any more. */
  ended: number;
}

interface Recorded {
  readonly client: number;
  readonly call: Call;
  readonly invoked: number;
  readonly returned: number;
  readonly outcome: Exclude<Outcome, { kind: 'unknown' }> | Loss;
}

export class Recorder {
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
  readonly #tags = new Map<string, Recorded[]>();
  readonly #kills: Kill[] = [];
  #count = 0;

  constructor(now: () => number) {
    this.now = now;
  }

  get count(): number {
    return this.#count;
  }

  get kills(): number {
    return this.#kills.length;
  }

  add(tag: string, operation: Recorded): void {
    this.#count += 1;
    const present = this.#tags.get(tag);
    if (present === undefined) this.#tags.set(tag, [operation]);
    else present.push(operation);
  }

  /** Call when the kill begins; what it returns, when nothing of the killed is left. */
  kill(): () => void {
    const kill: Kill = { began: this.now(), ended: Infinity };
    this.#kills.push(kill);
    return () => {
      kill.ended = this.now();
    };
  }

  /** In the order of requests. */
  histories(): Map<string, Operation[]> {
    const histories = new Map<string, Operation[]>();
    for (const [tag, recorded] of this.#tags) {
      const history = recorded.map(({ outcome, ...rest }): Operation => {
        if (outcome !== 'cut' && outcome !== 'unavailable') return { ...rest, outcome };
        return { ...rest, outcome: { kind: 'unknown', until: this.#lastMoment(rest.returned, outcome) } };
      });
      histories.set(
        tag,
        history.sort((one, other) => one.invoked - other.invoked),
      );
    }
    return histories;
  }

  /** A count for each kind of operation and outcome, most frequent first. */
  counts(): string {
    const table = new Map<string, number>();
    for (const { call, outcome } of [...this.#tags.values()].flat()) {
      const key = `${kindOf(call)} ${typeof outcome === 'string' ? outcome : outcomeOf(outcome)}`;
      table.set(key, (table.get(key) ?? 0) + 1);
    }
    return [...table]
      .sort(([, one], [, other]) => other - one)
      .map(([key, count]) => `${key} ${count}`)
      .join(', ');
  }

  /** What is dead changes nothing, and what is committed is not done again by the next process. */
  #lastMoment(lost: number, loss: Loss): number {
    if (loss === 'unavailable') return this.#kills.find(({ began }) => began > lost)?.ended ?? Infinity;
    const killed = this.#kills.findLast(({ began }) => began <= lost);
    return Math.max(lost, killed?.ended ?? Infinity);
  }
}

function kindOf(call: Call): string {
  if (call.kind === 'read') return call.method;
  const verb = call.kind === 'put' ? 'PUT' : 'DELETE';
  if (call.condition === undefined) return verb;
  return `${verb} ${call.condition.kind === 'is' ? 'if-match' : 'if-none-match'}`;
}

function outcomeOf(outcome: Exclude<Outcome, { kind: 'unknown' }>): string {
  switch (outcome.kind) {
    case 'done':
      return 'done';
    case 'refused':
      return 'refused';
    case 'seen':
      return outcome.value === undefined ? '404' : '200';
  }
}
