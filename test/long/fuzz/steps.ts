/** The steps of a sequence as fast-check makes them up: what to do, by which dice, and what is odd about the request. */
import fc from 'fast-check';
import { DICE, SIDES } from './dice.ts';
import { HARMLESS, REFUSED } from './operation.ts';
import type { Twist } from './operation.ts';
import { wildRequest } from './wild.ts';
import type { WildRequest } from './wild.ts';

const ACTS = [
  ...['put-manifest', 'push-blob', 'get-manifest', 'get-blob', 'append', 'close', 'open', 'tags', 'mount'],
  ...['referrers', 'status', 'delete-manifest', 'delete-blob', 'cancel', 'catalog', 'base', 'race'],
] as const;
export type Act = (typeof ACTS)[number];

/** How often each is done, compared with the others. */
const WEIGHTS: Readonly<Record<Act, number>> = {
  ...{ 'put-manifest': 18, 'push-blob': 12, 'get-manifest': 12, 'get-blob': 12, append: 12, close: 9, open: 7 },
  ...{ tags: 6, mount: 5, referrers: 5, status: 4, 'delete-manifest': 4, 'delete-blob': 4 },
  ...{ cancel: 2, catalog: 2, base: 1, race: 1 },
};

export interface Doing {
  readonly kind: 'act';
  readonly act: Act;
  readonly dice: readonly number[];
  readonly twist: Twist | undefined;
  /** The part of the request after which the connection is cut: 1 is after its last byte. */
  readonly cutAt: number | undefined;
}

export type Step = Doing | { readonly kind: 'wild'; readonly request: WildRequest };

const MOST_STEPS = 80;
/** Of a hundred steps. */
const WILD = 18;
const TWISTED = 12;
const CUT = 5;
const HUNDRED = 100;

const doing: fc.Arbitrary<Step> = fc.record({
  kind: fc.constant('act' as const),
  act: fc.constantFrom(...ACTS.flatMap((act) => Array.from({ length: WEIGHTS[act] }, () => act))),
  // Not biased: a choice is to be as probable as it says.
  dice: fc.noBias(fc.array(fc.nat(SIDES), { minLength: DICE, maxLength: DICE, size: 'max' })),
  twist: seldom(TWISTED, fc.constantFrom<Twist>(...HARMLESS, ...HARMLESS, ...REFUSED)),
  cutAt: seldom(CUT, fc.constantFrom(1, 0.95, 0.7, 0.4, 0.1)),
});

const wild: fc.Arbitrary<Step> = fc.record({ kind: fc.constant('wild' as const), request: wildRequest });

export const sequence: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof({ weight: HUNDRED - WILD, arbitrary: doing }, { weight: WILD, arbitrary: wild }),
  { minLength: 1, maxLength: MOST_STEPS, size: 'max' },
);

function seldom<T>(share: number, one: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.oneof({ weight: HUNDRED - share, arbitrary: fc.constant(undefined) }, { weight: share, arbitrary: one });
}
