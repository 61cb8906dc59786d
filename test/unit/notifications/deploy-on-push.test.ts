/** The worked example's judgement of which push is the newer one (examples/deploy-on-push/). */
import { expect, it } from 'vitest';
import { isNewer, type Push } from '../../../examples/deploy-on-push/pushes.ts';

const MINUTE_MS = 60_000;
const deployed: Push = { id: 'a', digest: 'd', at: 10 * MINUTE_MS, incarnation: 'i', sequence: 50 };

it.each<[string, Partial<Push>, boolean]>([
  ['a higher number', { sequence: 51 }, true],
  ['a higher number, by a clock that was put back', { sequence: 51, at: 0 }, true],
  ['a lower number', { sequence: 49 }, false],
  ['a lower number, by a clock that differs a little', { sequence: 49, at: deployed.at + MINUTE_MS }, false],
  ['a lower number much later: the registry was put back', { sequence: 41, at: deployed.at + MINUTE_MS + 1 }, true],
  ['later, in a restored registry', { sequence: 41, incarnation: 'j', at: deployed.at + 1 }, true],
  ['earlier, in a registry that was restored since', { sequence: 60, incarnation: 'h', at: deployed.at - 1 }, false],
  ['the same event, with whatever time', { id: 'a', at: deployed.at + 2 * MINUTE_MS }, false],
])('takes %s for what it is', (_what, changes, expected) => {
  expect(isNewer({ ...deployed, id: 'b', ...changes }, deployed)).toBe(expected);
});
