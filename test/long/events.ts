/**
 * No event is lost and none is invented, also when Berth is killed: clients push and delete in fifty repositories while
 * workerd, Node or both are killed, and five webhooks listen, four of them badly (events/audience.ts). At the end each has been told of
 * every change, in the order of its repository, and of nothing else (events/judge.ts).
 *
 * A release run sets EVENTS_CHANGES=10000: it makes so many, and fails where its time does not suffice.
 */
import * as v from 'valibot';
import { Seeded } from '../e2e/crash/seeded.ts';
import type { Campaign } from './campaign.ts';
import { runEvents } from './events/run.ts';

const RELEASE_CHANGES = v.parse(
  v.optional(v.pipe(v.string(), v.transform(Number), v.integer(), v.minValue(1))),
  process.env['EVENTS_CHANGES'],
);
/** What is told is told again and again to those that listen badly, which takes longer than the changes do. */
const CHANGING_SHARE = 0.3;
const STEPS_BETWEEN_KILLS = 1_000;
/** Of the last kilobytes of which everything can be said. */
const MOST_PROBLEMS = 10;

export const events: Campaign = {
  name: 'events',
  share: 2,
  async run({ seed, deadline, log }) {
    const changes = RELEASE_CHANGES ?? Infinity;
    const result = await runEvents({
      random: new Seeded(seed),
      changes,
      changesMs: (deadline - Date.now()) * CHANGING_SHARE,
      mostStepsBetweenKills: STEPS_BETWEEN_KILLS,
      log,
    });
    if (result.problems.length > 0) throw new Error(result.problems.slice(0, MOST_PROBLEMS).join('\n'));
    if (RELEASE_CHANGES !== undefined && result.changes < RELEASE_CHANGES)
      throw new Error(`only ${String(result.changes)} changes in its time: give it more --minutes`);
  },
};
