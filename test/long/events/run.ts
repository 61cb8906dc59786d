/** One run: clients change repositories while Berth is killed, five webhooks listen, and then everything is compared. */
import * as v from 'valibot';
import { exchange } from '../../e2e/crash/exchange.ts';
import type { Seeded } from '../../e2e/crash/seeded.ts';
import { UnstableBerth, type Victim } from '../../e2e/crash/unstable-berth.ts';
import { Wire } from '../../e2e/crash/wire.ts';
import { deliveriesOf, figuresOf, ping } from './administrator.ts';
import { Audience } from './audience.ts';
import { ChangingClient, LAST_TAG, MANIFEST_DIGESTS } from './changing-client.ts';
import { History } from './history.ts';
import { problemsOf, type FinalState } from './judge.ts';

const REPOSITORIES = 50;
const CLIENTS = 10;
const VICTIMS = ['workerd', 'workerd', 'node', 'all'] as const satisfies readonly Victim[];
/** A change is three steps or four. */
const FEWEST_STEPS_BETWEEN_KILLS = 30;
/** What was refused at the end is tried again within it. */
const SETTLING_MS = 40_000;
/** Of what Berth printed. */
const LAST_LINES = 40;

export interface RunOptions {
  readonly random: Seeded;
  /** Ends the changes, whichever is reached first. */
  readonly changes: number;
  readonly changesMs: number;
  readonly mostStepsBetweenKills: number;
  /** For how long nobody may be told anything at the end, beyond twice the time of the changes. */
  readonly settlingMs?: number;
  /** The checkout to start in. */
  readonly root?: string;
  readonly log: (line: string) => void;
}

export interface RunResult {
  readonly changes: number;
  readonly kills: number;
  readonly problems: readonly string[];
}

export async function runEvents(options: RunOptions): Promise<RunResult> {
  const { random, changes, changesMs, root, log, settlingMs = SETTLING_MS } = options;
  const audience = await Audience.start(random.branch('failures'));
  const { environment } = audience;
  const berth = await UnstableBerth.start({ environment, sync: false, ...(root === undefined ? {} : { root }) });
  try {
    const history = new History(Array.from({ length: REPOSITORIES }, (_, index) => `events/r${String(index)}`));
    const clients = Array.from({ length: CLIENTS }, (_, index) => {
      const [first = '', ...rest] = history.repositories.filter((_repository, at) => at % CLIENTS === index);
      return new ChangingClient(new Wire(berth), random.branch(`client ${String(index)}`), history, [first, ...rest]);
    });
    await Promise.all(clients.map((client) => client.prepare()));
    const began = Date.now();
    const killing = new Killing(berth, random.branch('kills'), options.mostStepsBetweenKills);
    const isOver = (): boolean => killing.failed || history.count >= changes || Date.now() >= began + changesMs;
    const working = Promise.all(
      clients.map(async (client) => {
        while (!isOver()) await client.act();
      }),
    ).finally(() => {
      killing.stop();
    });
    await Promise.all([killing.run(), working]);
    const took = Date.now() - began;
    await berth.kill('all');
    await Promise.all(clients.map((client) => client.finish()));
    await ping(berth, audience.revive());
    const { done, refused, unknown } = history.counts();
    log(
      `${String(history.count)} changes in ${String(Math.round(took / 1_000))} s: ${String(done)} done, ${String(refused)} refused, ` +
        `${String(unknown)} without an answer; ${String(killing.kills + 1)} kills`,
    );
    const last = history.repositories.flatMap((repository) => history.of(repository).at(-1)?.name ?? []);
    const missing = await audience.untilTold(last, 2 * took + settlingMs);
    for (const { name, count, repeated } of audience.all)
      log(`${name}: ${String(count)} events, ${String(repeated)} of them again`);
    const problems = [...audience.problems, ...(await explained(missing, berth, audience, log))];
    if (problems.length === 0) problems.push(...(await problemsOf(history, audience.well, finalStateAt(berth))));
    problems.push(...unlike(audience, history.repositories));
    return { changes: history.count, kills: killing.kills + 1, problems };
  } finally {
    await berth.discard();
    await audience.close();
  }
}

/** Who was not told of all, and what Berth knows of it. */
async function explained(
  missing: readonly string[],
  berth: UnstableBerth,
  { all }: Audience,
  log: RunOptions['log'],
): Promise<string[]> {
  if (missing.length === 0) return [];
  for (const { name } of all) log(`sent to ${name}: ${await deliveriesOf(berth, name)}`);
  for (const line of (await berth.serving()).run.output.slice(-LAST_LINES)) log(line);
  return [...missing, ...(await Promise.all(all.map(({ name }) => figuresOf(berth, name))))];
}

/** All of them were told the same. */
function unlike({ all, well }: Audience, repositories: readonly string[]): string[] {
  return all.flatMap((told) =>
    repositories
      .filter((repository) => told.of(repository).some(({ id }, index) => id !== well.of(repository)[index]?.id))
      .map((repository) => `${told.name} was told something else of ${repository} than ${well.name}`),
  );
}

const Tags = v.pipe(v.string(), v.parseJson(), v.object({ tags: v.array(v.string()) }));

function finalStateAt(berth: UnstableBerth): (repository: string) => Promise<FinalState> {
  return async (repository) => {
    const { url } = await berth.serving();
    const get = async (
      path: string,
      method: 'GET' | 'HEAD',
    ): Promise<{ status: number; body: string; digest: string }> => {
      const answer = await exchange(url, { method, path: `/v2/${repository}/${path}` });
      if (answer.kind !== 'answer') throw new Error(`${path} of ${repository} has no answer: ${answer.reason}`);
      const digest = answer.headers['docker-content-digest'];
      return { status: answer.status, body: answer.body.toString(), digest: String(digest) };
    };
    const tags = new Map<string, string>();
    for (const tag of v.parse(Tags, (await get('tags/list', 'GET')).body).tags) {
      tags.set(tag, (await get(`manifests/${tag}`, 'HEAD')).digest);
    }
    const manifests = new Set<string>();
    for (const digest of MANIFEST_DIGESTS) {
      if ((await get(`manifests/${digest}`, 'HEAD')).status === 200) manifests.add(digest);
    }
    if (!tags.has(LAST_TAG)) throw new Error(`${repository} lacks the tag of its last change`);
    return { tags, manifests };
  };
}

/** Kills at moments that the seed decides, until it is stopped. */
class Killing {
  kills = 0;
  failed = false;
  readonly #berth: UnstableBerth;
  readonly #random: Seeded;
  readonly #mostSteps: number;
  readonly #stopped = Promise.withResolvers<'stopped'>();

  constructor(berth: UnstableBerth, random: Seeded, mostSteps: number) {
    this.#berth = berth;
    this.#random = random;
    this.#mostSteps = mostSteps;
  }

  stop(): void {
    this.#stopped.resolve('stopped');
  }

  async run(): Promise<void> {
    for (;;) {
      const steps = this.#random.integer(FEWEST_STEPS_BETWEEN_KILLS, this.#mostSteps);
      const ended = await Promise.race([this.#berth.steps(steps), this.#stopped.promise]);
      if (ended === 'stopped') return;
      try {
        await this.#berth.kill(this.#random.pick(VICTIMS));
      } catch (error) {
        this.failed = true;
        throw error;
      }
      this.kills += 1;
    }
  }
}
