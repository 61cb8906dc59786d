/**
 * Tags are linearizable, also when Berth is killed: many clients change and read a few tags of a real Berth, whose
 * workerd, Node or both are killed and come back on the same data. Every request and answer is recorded, and each tag's
 * history must have an order (linearizability/checker.ts).
 */
import { Seeded } from '../e2e/crash/seeded.ts';
import { UnstableBerth } from '../e2e/crash/unstable-berth.ts';
import type { Victim } from '../e2e/crash/unstable-berth.ts';
import type { Campaign, CampaignContext } from './campaign.ts';
import { Workload } from './linearizability/workload.ts';

/** Most kills are of workerd alone, which comes back soonest. */
const VICTIMS = ['workerd', 'workerd', 'workerd', 'node', 'all'] as const satisfies readonly Victim[];
const FEWEST_CLIENTS = 8;
const MOST_CLIENTS = 16;
const RACES = 5;
/** Steps are requests and answers, two for each operation. */
const FEWEST_STEPS_BETWEEN_KILLS = 50;
const MOST_STEPS_BETWEEN_KILLS = 1_200;
/** Also where the time is too short: then something was tried at least. */
const FEWEST_OPERATIONS = 300;
/** What one Berth has printed is kept in memory, and so is the history until it is checked. */
const OPERATIONS_PER_ROUND = 12_000;

export const linearizability: Campaign = {
  name: 'linearizability',
  share: 1,
  async run({ seed, deadline, log }) {
    for (let round = 1; round === 1 || Date.now() < deadline; round += 1) {
      await runRound(round, { seed, deadline, log });
    }
  },
};

async function runRound(round: number, { seed, deadline, log }: CampaignContext): Promise<void> {
  const random = new Seeded(`${seed}/round ${round}`);
  const clients = random.integer(FEWEST_CLIENTS, MOST_CLIENTS);
  const berth = await UnstableBerth.start();
  try {
    const workload = await Workload.prepare(berth, random, clients);
    for (let race = 0; race < RACES; race += 1) expectNone(await workload.race());
    const killing = new Killing(berth, workload, random.branch('kills'));
    const isOver = (): boolean =>
      killing.failed || (Date.now() >= deadline && workload.recorder.count >= FEWEST_OPERATIONS);
    const working = workload.run(OPERATIONS_PER_ROUND, isOver).finally(() => {
      killing.stop();
    });
    await Promise.all([killing.run(), working]);
    await workload.readAll();
    const { recorder } = workload;
    log(
      `round ${round}: ${clients} clients, ${RACES} races, ${recorder.count} operations, ` +
        `${recorder.kills} kills (${killing.victims.join(' ')})`,
    );
    log(recorder.counts());
    expectNone(workload.violation());
    const { code } = await (await berth.serving()).stop();
    if (code !== 0) throw new Error(`it ended with code ${code ?? 'none'}`);
  } finally {
    await berth.discard();
  }
}

function expectNone(violation: readonly string[] | undefined): void {
  if (violation !== undefined) throw new Error(violation.join('\n'));
}

/** Kills at moments that the seed decides, until it is stopped. */
class Killing {
  readonly victims: Victim[] = [];
  failed = false;
  readonly #berth: UnstableBerth;
  readonly #workload: Workload;
  readonly #random: Seeded;
  readonly #stopped = Promise.withResolvers<'stopped'>();

  constructor(berth: UnstableBerth, workload: Workload, random: Seeded) {
    this.#berth = berth;
    this.#workload = workload;
    this.#random = random;
  }

  stop(): void {
    this.#stopped.resolve('stopped');
  }

  async run(): Promise<void> {
    for (;;) {
      const steps = this.#random.integer(FEWEST_STEPS_BETWEEN_KILLS, MOST_STEPS_BETWEEN_KILLS);
      const ended = await Promise.race([this.#berth.steps(steps), this.#stopped.promise]);
      if (ended === 'stopped') return;
      const victim = this.#random.pick(VICTIMS);
      const over = this.#workload.recorder.kill();
      try {
        await this.#berth.kill(victim);
      } catch (error) {
        this.failed = true;
        throw error;
      }
      over();
      this.victims.push(victim);
    }
  }
}
