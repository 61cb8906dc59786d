/** The judge of the campaign `events` (test/long/events/judge.ts), on histories by hand, most of them wrong in one way. */
import { describe, expect, it } from 'vitest';
import type { Attempt, Change, Outcome } from '../../long/events/history.ts';
import { problemOf, type FinalState } from '../../long/events/judge.ts';
import { Told, type ToldEvent } from '../../long/events/told.ts';

const push = (digest: string, tag?: string): Change => ({ kind: 'push', digest, tag });
const CHANGES: readonly [Change, Outcome][] = [
  [{ kind: 'push-blob', digest: 'C' }, 'done'],
  [push('A', 'one'), 'done'],
  [push('B', 'one'), 'unknown'],
  [{ kind: 'delete-tag', tag: 'two' }, 'refused'],
  [push('B', 'two'), 'done'],
  [{ kind: 'delete-manifest', digest: 'B' }, 'done'],
  [{ kind: 'delete-manifest', digest: 'A' }, 'unknown'],
  [push('A', 'last'), 'done'],
];
const attempts: readonly Attempt[] = CHANGES.map(([change, outcome], index) => ({
  name: String(index),
  change,
  outcome,
}));

/** `1 manifest.push A one`: the attempt, the kind, the digest, the tag; `-` for none. */
function told(...lines: string[]): ToldEvent[] {
  return lines.map((line, index) => {
    const [attempt = '', kind = '', digest = '-', tag = '-'] = line.split(' ');
    const given = (text: string): string | undefined => (text === '-' ? undefined : text);
    return { id: String(index), attempt, kind, digest: given(digest), tag: given(tag) };
  });
}

const ALL = [
  ...[
    '0 blob.push C',
    '1 repository.create',
    '1 manifest.push A one',
    '2 manifest.push B one',
    '4 manifest.push B two',
  ],
  ...['5 manifest.delete B', '5 tag.delete - two', '5 tag.delete - one', '6 manifest.delete A', '6 repository.empty'],
  ...['7 repository.create', '7 manifest.push A last'],
];
const FINAL: FinalState = { tags: new Map([['last', 'A']]), manifests: new Set(['A']) };
const without = (...starts: string[]): string[] =>
  ALL.filter((line) => !starts.some((start) => line.startsWith(start)));

describe('what was told of one repository', () => {
  it('is right where each change has its events', () => {
    expect(problemOf(attempts, told(...ALL), FINAL)).toBeUndefined();
  });

  it('is right where what had no answer did not happen, if the registry says so too', () => {
    const lines = without('2', '6', '5 tag.delete - one', '7 repository.create');
    const tags = new Map([
      ['one', 'A'],
      ['last', 'A'],
    ]);
    expect(problemOf(attempts, told(...lines), { ...FINAL, tags })).toBeUndefined();
    expect(problemOf(attempts, told(...lines), FINAL)).toContain('the events end with');
  });

  it.each([
    ['an event is missing', without('4', '5 tag.delete - two'), '4 (push, done) is told by no event'],
    ['an event of several is missing', without('5 tag.delete - two'), '5 (delete-manifest, done) is told by'],
    ['what was refused is told', [...ALL.slice(0, 4), '3 tag.delete - two', ...ALL.slice(4)], 'though it was refused'],
    ['nobody asked for it', [...ALL, '9 manifest.push A one'], 'is told out of turn, or never happened'],
    ['two are the other way round', [...without('0'), '0 blob.push C'], '0 (push-blob, done) is told by no event'],
    [
      'it names another digest',
      ALL.map((line) => line.replace('4 manifest.push B', '4 manifest.push A')),
      'is told by',
    ],
    ['it is told twice', [...ALL.slice(0, 1), ...ALL], '0 (push-blob, done) is told by blob.push C, blob.push C'],
  ])('is wrong where %s', (_, lines, problem) => {
    expect(problemOf(attempts, told(...lines), FINAL)).toContain(problem);
  });
});

describe('what a receiver takes', () => {
  const body = (...numbers: number[]): string =>
    JSON.stringify({
      events: numbers.map((sequence) => ({
        id: `id-${String(sequence)}`,
        target: { digest: '', tag: 'one' },
        request: { useragent: 'change-1' },
        berth: { kind: 'tag.delete', repository: 'a', incarnation: 'i', sequence },
      })),
    });

  it('may come again, and has no gap', () => {
    const one = new Told('one');
    for (const numbers of [[1], [1, 2], [2], [3]]) one.took(body(...numbers));
    expect([one.problems, one.count, one.repeated]).toEqual([[], 3, 2]);
    expect(one.of('a')[0]).toEqual({
      id: 'id-1',
      kind: 'tag.delete',
      tag: 'one',
      digest: undefined,
      attempt: 'change-1',
    });
    expect([one.hasHeardOf('change-1'), one.hasHeardOf('change-2')]).toEqual([true, false]);
  });

  it('is told to be wrong where a number is left out', () => {
    const one = new Told('one');
    one.took(body(1, 3));
    expect(one.problems).toEqual(['one: a: number 3 came after 1']);
  });
});
