/** Histories that a register has answered, with requests that overlap at random; and judges that try every order. */
import fc from 'fast-check';
import { changes, step } from '../../long/linearizability/register.ts';
import type { Call, Condition, Operation, Outcome, Value } from '../../long/linearizability/register.ts';

const DIGESTS = ['a', 'b', 'c'] as const;
/** Of which some overlap and some do not, effects being one millisecond apart. */
const LONGEST_MS = 4;

interface Given {
  readonly call: Call;
  /** Before and after its effect. */
  readonly lead: number;
  readonly lag: number;
  /** Whether the client hears of it; and if not, whether it took effect, and until when it could. */
  readonly fate: 'answered' | 'lost' | 'lost on the way' | 'lost, in an epoch';
}

export interface History {
  readonly operations: Operation[];
}

const digest = fc.constantFrom(...DIGESTS);
const condition = fc.oneof(
  fc.record({ kind: fc.constant('is' as const), digest }),
  fc.constant<Condition>({ kind: 'is-absent' }),
);
const call: fc.Arbitrary<Call> = fc.oneof(
  fc.record({ kind: fc.constant('read' as const), method: fc.constantFrom('GET' as const, 'HEAD' as const) }),
  fc.record({ kind: fc.constant('put' as const), digest }),
  fc.record({ kind: fc.constant('put' as const), digest, condition }),
  fc.constant<Call>({ kind: 'delete' }),
  fc.record({ kind: fc.constant('delete' as const), condition }),
);
const given: fc.Arbitrary<Given> = fc.record({
  call,
  lead: fc.integer({ min: 0, max: LONGEST_MS }),
  lag: fc.integer({ min: 0, max: LONGEST_MS }),
  fate: fc.oneof(
    { weight: 8, arbitrary: fc.constant('answered' as const) },
    {
      weight: 2,
      arbitrary: fc.constantFrom('lost' as const, 'lost on the way' as const, 'lost, in an epoch' as const),
    },
  ),
});

/** @param options.falsified up to so many outcomes are then replaced by others, which may be right as well */
export function histories(options: { most?: number; falsified?: number } = {}): fc.Arbitrary<History> {
  const { most = 60, falsified = 0 } = options;
  const changed = fc.array(fc.tuple(fc.nat(), fc.constantFrom<Value>('a', 'b', undefined)), { maxLength: falsified });
  return fc.tuple(fc.array(given, { maxLength: most }), changed).map(([all, replacements]) => {
    const operations = answered(all);
    for (const [at, value] of replacements) {
      const index = at % Math.max(1, operations.length);
      const operation = operations[index];
      if (operation !== undefined) operations[index] = { ...operation, outcome: otherOutcome(operation, value) };
    }
    return { operations };
  });
}

/** What an atomic register answers when each takes effect at its own moment, in the order given. */
function answered(all: readonly Given[]): Operation[] {
  let value: Value;
  return all.map(({ call, lead, lag, fate }, index): Operation => {
    // Requests and answers fall between the effects, whose order is then not always told by them.
    const invoked = index + 0.25 - lead;
    const returned = index + 0.75 + lag;
    const unheard: Outcome = { kind: 'unknown', until: fate === 'lost' ? Infinity : returned };
    const outcome = outcomeAt(call, value);
    const operation = { client: index, call, invoked, returned, outcome };
    if (fate === 'lost on the way') return { ...operation, outcome: unheard };
    const result = step(operation, value);
    if (result === 'impossible') throw new Error('the register contradicts itself');
    value = result.value;
    return fate === 'answered' ? operation : { ...operation, outcome: unheard };
  });
}

function outcomeAt(call: Call, value: Value): Outcome {
  if (call.kind === 'read') return { kind: 'seen', value };
  if (call.kind === 'delete' && value === undefined) return { kind: 'seen', value };
  const { condition } = call;
  const holds = condition === undefined || value === (condition.kind === 'is' ? condition.digest : undefined);
  return holds ? { kind: 'done' } : { kind: 'refused', current: value };
}

function otherOutcome({ call, outcome }: Operation, value: Value): Outcome {
  if (outcome.kind === 'unknown') return outcome;
  if (call.kind === 'read') return { kind: 'seen', value };
  if (outcome.kind === 'done' && call.condition !== undefined) return { kind: 'refused', current: value };
  if (outcome.kind === 'done') return call.kind === 'delete' ? { kind: 'seen', value: undefined } : outcome;
  return value === undefined ? { kind: 'done' } : { kind: 'refused', current: value };
}

/** Ways to make a history wrong that everybody can see, at its end or within. */
export const FALSIFIED: Readonly<
  Record<string, (operations: readonly Operation[], at: number) => Operation[] | undefined>
> = {
  'a read sees what nobody has pushed': (operations, at) =>
    replaced(operations, at, ({ outcome }) =>
      outcome.kind === 'seen' && outcome.value !== undefined ? { kind: 'seen', value: 'x' } : undefined,
    ),
  'a refusal names what nobody has pushed': (operations, at) =>
    replaced(operations, at, ({ outcome }) =>
      outcome.kind === 'refused' ? { kind: 'refused', current: 'x' } : undefined,
    ),
  'a read sees what was there before the last push': (operations) =>
    followed(operations, [
      [{ kind: 'put', digest: 'z' }, { kind: 'done' }],
      [
        { kind: 'read', method: 'GET' },
        { kind: 'seen', value: 'a' },
      ],
    ]),
  'an update is lost': (operations) =>
    followed(operations, [
      [{ kind: 'put', digest: 'a' }, { kind: 'done' }],
      [{ kind: 'put', digest: 'b', condition: { kind: 'is', digest: 'a' } }, { kind: 'done' }],
      [{ kind: 'put', digest: 'c', condition: { kind: 'is', digest: 'a' } }, { kind: 'done' }],
    ]),
  'a deleted tag is back': (operations) =>
    followed(operations, [
      [{ kind: 'put', digest: 'a' }, { kind: 'done' }],
      [{ kind: 'delete' }, { kind: 'done' }],
      [
        { kind: 'read', method: 'HEAD' },
        { kind: 'seen', value: 'a' },
      ],
    ]),
};

function replaced(
  operations: readonly Operation[],
  at: number,
  change: (operation: Operation) => Outcome | undefined,
): Operation[] | undefined {
  const choices = operations.filter((operation) => change(operation) !== undefined);
  const chosen = choices[at % Math.max(1, choices.length)];
  if (chosen === undefined) return undefined;
  return operations.map((operation) =>
    operation === chosen ? { ...operation, outcome: change(operation) ?? operation.outcome } : operation,
  );
}

/** One after the other, once everything else is over. */
function followed(operations: readonly Operation[], more: readonly (readonly [Call, Outcome])[]): Operation[] {
  const end = operations.reduce((latest, { returned }) => Math.max(latest, returned), 0);
  const over = operations.map((operation): Operation => {
    const isOpen = operation.outcome.kind === 'unknown';
    return isOpen ? { ...operation, outcome: { kind: 'unknown', until: end } } : operation;
  });
  const later = more.map(([call, outcome], index): Operation => ({
    client: 0,
    call,
    outcome,
    invoked: end + 1 + index * 2,
    returned: end + 2 + index * 2,
  }));
  return [...over, ...later];
}

/** Every order of the operations, with or without each of those that nobody has heard of. */
export function judgeByHand(operations: readonly Operation[]): 'linearizable' | 'violation' {
  const end = ({ outcome, returned }: Operation): number => (outcome.kind === 'unknown' ? outcome.until : returned);
  const extend = (placed: readonly Operation[], left: readonly Operation[], value: Value): boolean => {
    if (left.every(({ outcome }) => outcome.kind === 'unknown')) return true;
    return left.some((next) => {
      if (placed.some(({ invoked }) => end(next) < invoked)) return false;
      const result = step(next, value);
      if (result === 'impossible') return false;
      if (next.outcome.kind === 'unknown' && !changes(next)) return false;
      return extend(
        [...placed, next],
        left.filter((other) => other !== next),
        result.value,
      );
    });
  };
  return extend([], operations, undefined) ? 'linearizable' : 'violation';
}
