/** How often something is said that anybody can make happen. */
import { expect, it } from 'vitest';
import { Seldom } from '../../../src/observability/seldom.ts';

const MINUTE_MS = 60_000;

it('it is said at once, then once a minute with how often it was', () => {
  const seldom = new Seldom(MINUTE_MS);
  const told = [0, 1, MINUTE_MS - 1, MINUTE_MS, MINUTE_MS + 1, 2 * MINUTE_MS].map((now) => seldom.seen(now));
  expect(told).toEqual([1, undefined, undefined, 3, undefined, 2]);
});

it('a clock that is set back does not keep it silent', () => {
  const seldom = new Seldom(MINUTE_MS);
  seldom.seen(10 * MINUTE_MS);
  expect(seldom.seen(0)).toBe(1);
});
