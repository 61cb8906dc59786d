/** How often a wrong secret of a proxy is warned of. */
import { expect, it } from 'vitest';
import { WrongSecrets } from '../../../src/http/wrong-secrets.ts';

const MINUTE_MS = 60_000;

it('a wrong secret is warned of at once, then once a minute with how many there were', () => {
  const secrets = new WrongSecrets();
  const told = [0, 1, MINUTE_MS - 1, MINUTE_MS, MINUTE_MS + 1, 2 * MINUTE_MS].map((now) => secrets.seen(now));
  expect(told).toEqual([1, undefined, undefined, 3, undefined, 2]);
});

it('a clock that is set back does not keep it silent', () => {
  const secrets = new WrongSecrets();
  secrets.seen(10 * MINUTE_MS);
  expect(secrets.seen(0)).toBe(1);
});
