/** The checker of histories: right and wrong ones by hand, and ones that a register has really answered. */
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { check } from '../../long/linearizability/checker.ts';
import { describeViolation } from '../../long/linearizability/counterexample.ts';
import type { Call, Condition, Operation, Outcome, Value } from '../../long/linearizability/register.ts';
import { FALSIFIED, histories, judgeByHand } from './histories.ts';

/** `[from, to]` of one clock. */
type Times = readonly [number, number];

let clients = 0;
function operation([invoked, returned]: Times, call: Call, outcome: Outcome): Operation {
  clients += 1;
  return { client: clients, call, invoked, returned, outcome };
}

const DONE: Outcome = { kind: 'done' };
const is = (digest: string): Condition => ({ kind: 'is', digest });
const ABSENT: Condition = { kind: 'is-absent' };
const put = (times: Times, digest: string, condition?: Condition, outcome: Outcome = DONE): Operation =>
  operation(times, { kind: 'put', digest, ...(condition === undefined ? {} : { condition }) }, outcome);
const remove = (times: Times, condition?: Condition, outcome: Outcome = DONE): Operation =>
  operation(times, { kind: 'delete', ...(condition === undefined ? {} : { condition }) }, outcome);
const read = (times: Times, value: Value): Operation =>
  operation(times, { kind: 'read', method: 'GET' }, { kind: 'seen', value });
const refused = (current: Value): Outcome => ({ kind: 'refused', current });
const NOT_FOUND: Outcome = { kind: 'seen', value: undefined };
const unknown = (until = Infinity): Outcome => ({ kind: 'unknown', until });

const kindOf = (history: readonly Operation[]): string => check(history).kind;

describe('a history has an order', () => {
  test.each<[string, Operation[]]>([
    ['when nothing happens', []],
    ['of one after the other', [put([0, 1], 'a'), read([2, 3], 'a'), remove([4, 5]), read([6, 7], undefined)]],
    ['whose read beside a push sees what was before', [put([0, 1], 'a'), put([2, 9], 'b'), read([3, 4], 'a')]],
    ['whose read beside a push sees what it brings', [put([0, 1], 'a'), put([2, 9], 'b'), read([3, 4], 'b')]],
    [
      'whose reads beside a push change their minds once',
      [put([0, 1], 'a'), put([2, 9], 'b'), read([3, 4], 'a'), read([5, 6], 'b')],
    ],
    [
      'of two pushes at once, seen in either order',
      [put([0, 9], 'a'), put([0, 9], 'b'), read([1, 2], 'b'), read([3, 4], 'a'), read([10, 11], 'a')],
    ],
    [
      'of two who compare and set, one of whom is refused with what the other set',
      [put([0, 1], 'a'), put([2, 5], 'b', is('a')), put([2, 5], 'c', is('a'), refused('b')), read([6, 7], 'b')],
    ],
    [
      'of two who make a tag, one of whom is refused',
      [put([0, 5], 'a', ABSENT), put([0, 5], 'b', ABSENT, refused('a')), read([6, 7], 'a')],
    ],
    ['whose condition wants what nobody has made', [put([0, 1], 'b', is('a'), refused(undefined))]],
    [
      'of deletes with every outcome',
      [
        remove([0, 1], undefined, NOT_FOUND),
        put([2, 3], 'a'),
        remove([4, 5], is('b'), refused('a')),
        remove([6, 7], is('a')),
        remove([8, 9], is('a'), NOT_FOUND),
      ],
    ],
    ['that sets a tag to what it is', [put([0, 1], 'a'), put([2, 3], 'a', is('a')), read([4, 5], 'a')]],
    ['whose requests and answers are at one time', [put([0, 1], 'a'), put([1, 2], 'b'), read([2, 3], 'a')]],
  ])('%s', (_title, history) => {
    expect(kindOf(history)).toBe('linearizable');
  });
});

describe('a history has none', () => {
  test.each<[string, Operation[]]>([
    ['with a stale read', [put([0, 1], 'a'), put([2, 3], 'b'), read([4, 5], 'a')]],
    ['with a read of what was never pushed', [put([0, 1], 'a'), read([0, 3], 'x')]],
    ['with a read of what is pushed only later', [read([0, 1], 'a'), put([2, 3], 'a')]],
    [
      'whose reads go back while a push is open',
      [put([0, 1], 'a'), put([2, 9], 'b'), read([3, 4], 'b'), read([5, 6], 'a')],
    ],
    ['with an update that is lost', [put([0, 1], 'a'), put([2, 3], 'b', is('a')), read([4, 5], 'a')]],
    ['with two who set the same', [put([0, 1], 'a'), put([2, 5], 'b', is('a')), put([2, 5], 'c', is('a'))]],
    ['with two who make the tag', [put([0, 5], 'a', ABSENT), put([0, 5], 'b', ABSENT)]],
    [
      'with one who is refused although nothing stood against it',
      [put([0, 1], 'a'), put([2, 3], 'b', is('a'), refused('a'))],
    ],
    [
      'with one who is refused with a digest that was there only before',
      [put([0, 1], 'a'), put([2, 3], 'b'), put([4, 5], 'c', is('x'), refused('a'))],
    ],
    [
      'with one who is refused with a digest that comes only later',
      [put([0, 1], 'a'), put([2, 3], 'c', is('x'), refused('b')), put([4, 5], 'b')],
    ],
    ['with a condition that fails where there is none', [put([0, 1], 'a', undefined, refused(undefined))]],
    ['with a delete that comes back', [put([0, 1], 'a'), remove([2, 3]), read([4, 5], 'a')]],
    ['with a tag that goes by itself', [put([0, 1], 'a'), read([2, 3], undefined)]],
    ['with two who delete one tag', [put([0, 1], 'a'), remove([2, 5]), remove([2, 5])]],
    ['with a delete of another digest than it names', [put([0, 1], 'a'), remove([2, 3], is('b'))]],
    ['with a delete that does not find what is there', [put([0, 1], 'a'), remove([2, 3], undefined, NOT_FOUND)]],
    ['with a delete that is refused where there is nothing', [remove([0, 1], is('a'), refused(undefined))]],
    [
      'whose readers disagree on the order of two pushes',
      [put([0, 20], 'a'), put([0, 20], 'b'), read([1, 2], 'a'), read([3, 4], 'b'), read([5, 6], 'a')],
    ],
  ])('%s', (_title, history) => {
    expect(kindOf(history)).toBe('violation');
  });
});

describe('an operation without an answer', () => {
  test.each<[string, 'linearizable' | 'violation', Operation[]]>([
    ['may have taken effect', 'linearizable', [put([0, 1], 'a', undefined, unknown()), read([2, 3], 'a')]],
    ['may not have', 'linearizable', [put([0, 1], 'a', undefined, unknown()), read([2, 3], undefined)]],
    [
      'may take effect long after its client has gone',
      'linearizable',
      [put([0, 1], 'a', undefined, unknown()), read([2, 3], undefined), read([4, 5], 'a')],
    ],
    [
      'takes effect once',
      'violation',
      [
        put([0, 1], 'a', undefined, unknown()),
        read([2, 3], 'a'),
        remove([4, 5]),
        read([6, 7], undefined),
        read([8, 9], 'a'),
      ],
    ],
    [
      'explains as many effects as there are of it',
      'linearizable',
      [
        put([0, 1], 'a', undefined, unknown()),
        put([0, 1], 'a', undefined, unknown()),
        read([2, 3], 'a'),
        remove([4, 5]),
        read([6, 7], 'a'),
      ],
    ],
    [
      'does not take effect before its request',
      'violation',
      [read([0, 1], 'a'), put([2, 3], 'a', undefined, unknown())],
    ],
    [
      'takes effect only where its condition holds',
      'violation',
      [put([0, 1], 'a'), put([2, 3], 'c', is('b'), unknown()), read([4, 5], 'c')],
    ],
    [
      'cannot both have won and have left the tag to another winner',
      'violation',
      [put([0, 1], 'a'), put([2, 3], 'b', is('a'), unknown()), read([4, 5], 'b'), put([6, 7], 'c', is('a'))],
    ],
    [
      'need not have won where another did',
      'linearizable',
      [put([0, 1], 'a'), put([2, 3], 'b', is('a'), unknown()), put([4, 5], 'c', is('a')), read([6, 7], 'c')],
    ],
    [
      'takes no effect after its process is known to be dead',
      'violation',
      [put([0, 1], 'a', undefined, unknown(4)), read([5, 6], undefined), read([7, 8], 'a')],
    ],
    [
      'may have taken effect before its process was known to be dead',
      'linearizable',
      [put([0, 1], 'a', undefined, unknown(4)), read([5, 6], 'a')],
    ],
    [
      'may have deleted',
      'linearizable',
      [put([0, 1], 'a'), remove([2, 3], undefined, unknown()), read([4, 5], undefined)],
    ],
    ['of a read says nothing', 'linearizable', [operation([0, 1], { kind: 'read', method: 'HEAD' }, unknown())]],
  ])('%s', (_title, kind, history) => {
    expect(kindOf(history)).toBe(kind);
  });
});

describe('a history that is too hard', () => {
  /** Many changes at once, and a read of something that none of them brings. */
  const history = [
    ...Array.from({ length: 14 }, (_, index) => put([index / 100, 100], `d${index}`)),
    read([101, 102], 'x'),
  ];

  it('is told from one that has an order', () => {
    expect(check(history, { mostCases: 1_000 }).kind).toBe('too-hard');
  });

  it('is one of many changes at once only', () => {
    const lost = Array.from({ length: 200 }, (_, index) =>
      put([index, index + 0.5], `d${index % 5}`, undefined, unknown()),
    );
    const verdict = check([
      ...lost,
      ...Array.from({ length: 100 }, (_, index) => read([300 + index, 300.5 + index], `d${index % 5}`)),
    ]);
    expect(verdict.kind).toBe('linearizable');
  });
});

describe('a counterexample', () => {
  it('is the shortest prefix that has no order, without what began later', () => {
    const stale = read([4, 5], 'a');
    const history = [put([0, 1], 'a'), put([2, 3], 'b'), stale, read([6, 7], 'nonsense')];
    const verdict = check(history);
    expect(verdict).toEqual({
      kind: 'violation',
      violation: { prefix: history.slice(0, 3), culprit: stale, possible: ['b'] },
    });
  });

  it('shows only the operations that are to blame, in lines', () => {
    clients = 0;
    const noise = Array.from({ length: 400 }, (_, index) =>
      index % 2 === 0 ? put([index, index + 0.5], `n${index}`) : read([index, index + 0.5], `n${index - 1}`),
    );
    const history = [
      ...noise,
      put([500, 501], `sha256:${'a'.repeat(64)}`),
      put([502, 503], `sha256:${'b'.repeat(64)}`, is(`sha256:${'a'.repeat(64)}`)),
      read([504, 507], `sha256:${'b'.repeat(64)}`),
      put([505, 510], `sha256:${'c'.repeat(64)}`),
      read([508, 509], `sha256:${'a'.repeat(64)}`),
    ];
    const verdict = check(history);
    if (verdict.kind !== 'violation') throw new Error('it has no order');
    expect(describeViolation(verdict.violation)).toEqual([
      'the first 405 operations have no order: no order that explains all before explains the answer marked *',
      'whatever the tag led to after the first 402:',
      '       0.00 to      3.00 ms  client 403  GET: bbbbbbbb',
      '       1.00 to         ? ms  client 404  PUT cccccccc: no answer by then',
      '*      4.00 to      5.00 ms  client 405  GET: aaaaaaaa',
      'the tag may have led to bbbbbbbb or cccccccc just before that answer',
    ]);
  });
});

describe('of histories that a register has answered', () => {
  it('every one is accepted', () => {
    fc.assert(
      fc.property(histories(), ({ operations }) => {
        expect(kindOf(operations)).toBe('linearizable');
      }),
      { numRuns: 300 },
    );
  });

  it.each(Object.entries(FALSIFIED))('none is accepted once %s', (_title, falsify) => {
    let falsified = 0;
    fc.assert(
      fc.property(histories(), fc.nat(), ({ operations }, at) => {
        const wrong = falsify(operations, at);
        fc.pre(wrong !== undefined);
        falsified += 1;
        expect(kindOf(wrong)).toBe('violation');
      }),
      { numRuns: 200 },
    );
    expect(falsified).toBeGreaterThan(100);
  });

  it('each that is small is judged as trying every order judges it', () => {
    const seen = { linearizable: 0, violation: 0 };
    fc.assert(
      fc.property(histories({ most: 6, falsified: 2 }), ({ operations }) => {
        const expected = judgeByHand(operations);
        seen[expected] += 1;
        expect(kindOf(operations)).toBe(expected);
      }),
      { numRuns: 1_500 },
    );
    expect(Math.min(seen.linearizable, seen.violation)).toBeGreaterThan(100);
  });
});
