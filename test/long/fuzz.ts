/**
 * Requests of every kind, many at once. Well-formed ones, odd ones and ones whose connection is cut follow each other in
 * sequences that fast-check makes up (fuzz/steps.ts); a model knows what each may be answered and what the registry then
 * holds (fuzz/rules.ts). Whatever else comes, the registry answers: never with a 5xx, never with anything of its inside,
 * and never not at all. workerd refuses by itself what is no HTTP; only Berth's own answers are held to the form that the
 * specification wants ("Error Codes").
 *
 * A release run sets FUZZ_REQUESTS=100000: it plays so many, and fails where a route or a documented error was not reached.
 */
import * as v from 'valibot';
import { startBerth } from '../e2e/berth-process.ts';
import type { BerthProcess } from '../e2e/berth-process.ts';
import { exchange } from '../e2e/crash/exchange.ts';
import type { Campaign } from './campaign.ts';
import { playAll } from './fuzz/players.ts';
import { Registry } from './fuzz/registry.ts';
import { expectPatience } from './fuzz/stalled.ts';
import { Tally, UNREACHABLE } from './fuzz/tally.ts';

/** The log of what one Berth has printed is kept in memory. */
const REQUESTS_PER_BERTH = 20_000;
/** The frame gives a campaign a minute after its time. */
const SHRINKING_MS = 40_000;
const PROGRESS_MS = 60_000;
const RELEASE_REQUESTS = v.parse(
  v.optional(v.pipe(v.string(), v.transform(Number), v.integer(), v.minValue(1))),
  process.env['FUZZ_REQUESTS'],
);

export const fuzz: Campaign = {
  name: 'fuzz',
  share: 2,
  async run({ seed, deadline, log }) {
    const isRelease = RELEASE_REQUESTS !== undefined;
    const wanted = RELEASE_REQUESTS ?? Infinity;
    const tally = new Tally();
    const started = Date.now();
    const progress = setInterval(() => {
      log(`${String(tally.sent)} requests in ${String(Math.round((Date.now() - started) / 1_000))} s so far`);
    }, PROGRESS_MS);
    for (let round = 1; Date.now() < deadline && tally.sent < wanted; round += 1) {
      const berth = await startBerth({ sync: false });
      try {
        const registry = new Registry(berth.port, tally, !isRelease);
        const requests = Math.min(wanted, tally.sent + REQUESTS_PER_BERTH);
        const patience = isRelease && round === 1 ? expectPatience(registry) : Promise.resolve();
        await Promise.all([
          playAll(registry, seed + round, { requests, deadline, shrinkingMs: SHRINKING_MS }),
          patience,
        ]);
        await expectWell(berth);
      } finally {
        tally.read(berth.lines);
        await berth.discard();
      }
    }
    clearInterval(progress);
    for (const line of tally.lines()) log(line);
    const problems = tally.mixProblems();
    if (isRelease) {
      for (const [error, reason] of UNREACHABLE) log(`not to be reached by requests: ${error}, ${reason}`);
      if (tally.sent < wanted) problems.push(`only ${String(tally.sent)} requests in its time: give it more --minutes`);
      problems.push(...(await tally.coverageProblems()));
    }
    if (problems.length > 0) throw new Error(problems.join('; '));
  },
};

const Unexpected = v.object({ event: v.literal('request'), status: v.literal(500) });

/** The workerd that began still serves, nothing unexpected was logged, and it ends as it is asked to. */
async function expectWell(berth: BerthProcess): Promise<void> {
  const answer = await exchange(berth.url, { method: 'GET', path: '/v2/' });
  const status = answer.kind === 'answer' ? answer.status : answer.reason;
  if (status !== 200) throw new Error(`GET /v2/ is answered ${String(status)} afterwards`);
  if (berth.lines.some(({ event }) => event === 'workerd-ended')) throw new Error('workerd has crashed meanwhile');
  // Of a request whose client has gone nobody else hears.
  const unexpected = berth.lines.find((line) => v.is(Unexpected, line));
  if (unexpected !== undefined) throw new Error(`it logged ${JSON.stringify(unexpected)}`);
  const { code } = await berth.stop();
  if (code !== 0) throw new Error(`it ended with code ${String(code)}`);
}
