/** All checks in their order, each as soon as it is done, and which of them mean nothing once another one has failed. */
import { checkCleanUp, checkPush } from './push.ts';
import { judgeLocations } from './location.ts';
import { checkPull, checkRanges } from './pull.ts';
import { checkConnection, checkName, checkTls } from './reach.ts';
import { checkChallenge, checkSignIn, greet, type Greeted } from './registry-checks.ts';
import { checkBodyLimit, checkStreaming } from './uploads.ts';
import { skipped, type Verdict } from './verdict.ts';
import type { Visit } from './visit.ts';

/** `docs/doctor.md` has a row for each. */
export const CHECKS = [
  'name',
  'connection',
  'tls',
  'registry',
  'clock',
  'challenge',
  'sign-in',
  'push',
  'locations',
  'pull',
  'ranges',
  'body-limit',
  'streaming',
  'clean-up',
] as const;
export type CheckName = (typeof CHECKS)[number];

export interface Checked {
  readonly check: CheckName;
  readonly verdict: Verdict;
  readonly durationMs: number;
}

/** Nothing after them can be known once one of these has failed. */
const GROUNDS: ReadonlySet<CheckName> = new Set(['name', 'connection', 'tls', 'registry']);
/** What each of these needs besides. */
const NEEDS: Partial<Record<CheckName, readonly CheckName[]>> = {
  'sign-in': ['challenge'],
  push: ['challenge', 'sign-in'],
};

export async function* examine(visit: Visit): AsyncGenerator<Checked> {
  let greeted: Greeted | undefined;
  const checks: Record<CheckName, () => Promise<Verdict> | Verdict> = {
    name: () => checkName(visit),
    connection: () => checkConnection(visit),
    tls: () => checkTls(visit),
    registry: async () => {
      greeted = await greet(visit);
      return greeted.registry;
    },
    clock: () => greeted?.clock ?? skipped('nothing answered'),
    challenge: () => checkChallenge(visit),
    'sign-in': () => checkSignIn(visit),
    push: () => checkPush(visit),
    locations: () => judgeLocations(visit.url, visit.locations),
    pull: () => checkPull(visit),
    ranges: () => checkRanges(visit),
    'body-limit': () => checkBodyLimit(visit),
    streaming: () => checkStreaming(visit),
    'clean-up': () => checkCleanUp(visit),
  };
  const wrong = new Set<CheckName>();
  for (const check of CHECKS) {
    const ground = [...wrong].find((name) => GROUNDS.has(name));
    const missing = NEEDS[check]?.find((name) => wrong.has(name));
    const reason = ground ?? missing;
    const begun = performance.now();
    const verdict = reason === undefined ? await checks[check]() : skipped(`first put right: ${reason}`);
    if (verdict.status === 'failed') wrong.add(check);
    yield { check, verdict, durationMs: Math.round(performance.now() - begun) };
  }
}
