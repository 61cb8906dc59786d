/** Work that a source names without end. */
import { expect, it } from 'vitest';
import { Backlog } from '../../../../tools/copy/backlog.ts';

it('a backlog gives the latest first, and takes no more than fits', () => {
  const backlog = new Backlog<string>(2);
  expect(['a', 'b', 'c'].map((item) => backlog.add(item))).toEqual([true, true, false]);
  expect(backlog.take()).toBe('b');
  expect(backlog.add('d')).toBe(true);
  expect([backlog.take(), backlog.take(), backlog.take()]).toEqual(['d', 'a', undefined]);
});
