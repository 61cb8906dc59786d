/**
 * What a person is shown of a history without an order. Of thousands of operations the last few are to blame, so the
 * shortest end of the prefix is looked for that has no order whatever the tag was before it, without the reads that
 * are not needed. Pure.
 */
import { check } from './checker.ts';
import type { Violation } from './checker.ts';
import { changes } from './register.ts';
import type { Call, Condition, Operation, Outcome, Value } from './register.ts';

const HEX_SHOWN = 8;
const TIME_COLUMNS = 9;
/** To leave an operation out costs a check of the rest. */
const MOST_CHECKED = 200;

/** What is blamed; `earlier` operations of the prefix are left out before it. */
interface Excerpt {
  readonly operations: readonly Operation[];
  readonly earlier: number;
}

/** A line for each operation, in the order of their requests. The answer that has no place is marked. */
export function describeViolation(violation: Violation, initial?: Value): string[] {
  const { culprit, prefix, possible } = violation;
  const { operations, earlier } = shorten(violation, initial);
  const start = operations[0]?.invoked ?? 0;
  const rows = operations.map((operation) => {
    const { call, client, invoked, returned, outcome } = operation;
    const isOpen = outcome.kind === 'unknown' || returned > culprit.returned;
    const times = `${timeOf(invoked - start)} to ${isOpen ? '?'.padStart(TIME_COLUMNS) : timeOf(returned - start)} ms`;
    const answer = isOpen ? 'no answer by then' : describeOutcome(outcome);
    return `${operation === culprit ? '*' : ' '} ${times}  client ${client}  ${describeCall(call)}: ${answer}`;
  });
  return [
    `the first ${prefix.length} operations have no order: no order that explains all before explains the answer marked *`,
    earlier > 0
      ? `whatever the tag led to after the first ${earlier}:`
      : `the tag led to ${nameOf(initial)} at the beginning:`,
    ...rows,
    `the tag may have led to ${possible.map(nameOf).join(' or ')} just before that answer`,
  ];
}

/** Each step makes the history easier to explain, so what still has no order proves the same. */
function shorten({ prefix, culprit }: Violation, initial: Value): Excerpt {
  const byRequest = [...prefix].sort((one, other) => one.invoked - other.invoked);
  const values = valuesOf(prefix);
  for (let length = 2; length < byRequest.length; length = Math.ceil(length * 1.5)) {
    const window = since(byRequest, length, culprit);
    if (!hasNoOrder(window, culprit, values)) continue;
    const needed = withoutReads(window, culprit, values);
    const operations = byRequest.filter((one) => needed.some((other) => isSame(one, other)));
    return { operations, earlier: byRequest.length - length };
  }
  return { operations: withoutReads(byRequest, culprit, [initial]), earlier: 0 };
}

/** One that was judged as if its answer were not known is shown with it. */
function isSame(one: Operation, other: Operation): boolean {
  return one.client === other.client && one.invoked === other.invoked;
}

/** The last `length` operations; of those that were open when they began, the changes, each of which may have been made. */
function since(byRequest: readonly Operation[], length: number, culprit: Operation): Operation[] {
  const first = byRequest.at(-length);
  const start = Math.min(first?.invoked ?? 0, culprit.invoked);
  return byRequest.flatMap((operation): Operation[] => {
    if (operation.invoked >= start) return [operation];
    const { outcome, returned } = operation;
    if (!changes(operation)) return [];
    const until = outcome.kind === 'unknown' ? outcome.until : returned;
    return until < start ? [] : [{ ...operation, outcome: { kind: 'unknown', until } }];
  });
}

function withoutReads(
  window: readonly Operation[],
  culprit: Operation,
  values: readonly Value[],
): readonly Operation[] {
  let left = window;
  if (window.length > MOST_CHECKED) return left;
  for (const operation of window) {
    if (changes(operation) || operation === culprit) continue;
    const fewer = left.filter((other) => other !== operation);
    if (hasNoOrder(fewer, culprit, values)) left = fewer;
  }
  return left;
}

function hasNoOrder(history: readonly Operation[], culprit: Operation, initial: readonly Value[]): boolean {
  const verdict = check(history, { initial });
  return verdict.kind === 'violation' && verdict.violation.culprit === culprit;
}

function valuesOf(history: readonly Operation[]): Value[] {
  const values = new Set<Value>([undefined]);
  for (const { call, outcome } of history) {
    if (call.kind === 'put') values.add(call.digest);
    if (outcome.kind === 'seen') values.add(outcome.value);
    if (outcome.kind === 'refused') values.add(outcome.current);
  }
  return [...values];
}

function describeCall(call: Call): string {
  switch (call.kind) {
    case 'read':
      return call.method;
    case 'put':
      return `PUT ${nameOf(call.digest)}${describeCondition(call.condition)}`;
    case 'delete':
      return `DELETE${describeCondition(call.condition)}`;
  }
}

function describeCondition(condition: Condition | undefined): string {
  if (condition === undefined) return '';
  return condition.kind === 'is' ? ` if it is ${nameOf(condition.digest)}` : ' if there is nothing';
}

function describeOutcome(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'done':
      return 'done';
    case 'seen':
      return nameOf(outcome.value);
    case 'refused':
      return `refused, it is ${nameOf(outcome.current)}`;
    case 'unknown':
      return 'no answer';
  }
}

function nameOf(value: Value): string {
  return value === undefined ? 'nothing' : value.replace(/^sha256:/, '').slice(0, HEX_SHOWN);
}

function timeOf(milliseconds: number): string {
  return milliseconds.toFixed(2).padStart(TIME_COLUMNS);
}
