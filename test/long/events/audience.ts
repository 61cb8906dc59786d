/**
 * Five webhooks: one that is well, one that fails half of the time, one that answers 429 and 500 by turns, one
 * that stalls, and one that is dead. The last two come to life at the end.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Seeded } from '../../e2e/crash/seeded.ts';
import {
  answering,
  atMost,
  byTurns,
  dead,
  failingBy,
  stalling,
  type React,
} from '../../e2e/notifications/reactions.ts';
import { Receiver } from '../../e2e/notifications/receiver.ts';
import { ADMINISTRATOR } from './administrator.ts';
import { Told } from './told.ts';

const SECRET = `whsec_${Buffer.alloc(32, 9).toString('base64')}`;
/** All that an outbox tells: their numbers have no gap then. */
const EVENTS = [
  ...['manifest.push', 'manifest.delete', 'tag.delete', 'blob.push', 'blob.mount', 'blob.delete'],
  ...['repository.create', 'repository.empty'],
];
/** Of one event: the next attempt may come eight seconds later, and what is behind it in its repository waits. */
const MOST_FAILURES = 3;
const POLL_MS = 100;

interface Listener {
  readonly told: Told;
  readonly receiver: Receiver;
  /** How the endpoint differs from others. */
  readonly fields: object;
}

export class Audience {
  readonly #listeners: readonly Listener[];

  private constructor(listeners: readonly Listener[]) {
    this.#listeners = listeners;
  }

  static async start(random: Seeded): Promise<Audience> {
    const well = answering(200);
    const failing = failingBy(() => random.chance(0.5));
    const turning = byTurns(answering(429, { 'retry-after': '0' }), well, answering(500), well);
    return new Audience([
      await listener('well', well, {}),
      await listener('failing', atMost(MOST_FAILURES, failing), {}),
      await listener('turning', atMost(MOST_FAILURES, turning), { batch: 10 }),
      await listener('stalling', stalling, { timeoutSeconds: 1, batch: 20 }),
      await listener('dead', dead, { format: 'distribution', batch: 20 }),
    ]);
  }

  /** What Berth is started with. */
  get environment(): Record<string, string> {
    const endpoints = this.#listeners.map(({ told: { name }, receiver: { url }, fields }) => ({
      ...{ name, url, events: EVENTS, order: 'repository', concurrency: 8, format: 'distribution-v1' },
      ...{ signingSecrets: [{ binding: 'CAMPAIGN_SECRET' }], ...fields },
    }));
    return {
      ...ADMINISTRATOR,
      BERTH_WEBHOOKS_PRIVATE: 'on',
      BERTH_ENDPOINTS: JSON.stringify({ endpoints }),
      CAMPAIGN_SECRET: SECRET,
    };
  }

  get all(): readonly Told[] {
    return this.#listeners.map(({ told }) => told);
  }

  /** Whom nothing has kept from hearing all. */
  get well(): Told {
    const [first] = this.#listeners;
    if (first === undefined) throw new Error('nobody listens');
    return first.told;
  }

  get problems(): string[] {
    return this.all.flatMap(({ problems }) => problems);
  }

  /** Who was dead is well from now on. Tells who. */
  revive(): string[] {
    const revived = this.#listeners.filter(({ receiver: { react } }) => react === stalling || react === dead);
    for (const { receiver } of revived) {
      receiver.react = answering(200);
      receiver.letGo();
    }
    return revived.map(({ told }) => told.name);
  }

  /** Waits until all of them have heard of these attempts, for as long as anybody hears of something. Tells who has not. */
  async untilTold(attempts: readonly string[], longestSilenceMs: number): Promise<string[]> {
    let heard = -1;
    let deadline = 0;
    for (;;) {
      const count = this.all.reduce((sum, told) => sum + told.count, 0);
      if (count > heard) deadline = Date.now() + longestSilenceMs;
      heard = count;
      const missing = this.all.flatMap((told) => {
        const unheard = attempts.filter((name) => !told.hasHeardOf(name));
        return unheard.length === 0 ? [] : [`${told.name} has not heard of ${unheard.slice(0, 5).join(', ')}`];
      });
      if (missing.length === 0 || this.problems.length > 0 || Date.now() > deadline) return missing;
      await delay(POLL_MS);
    }
  }

  async close(): Promise<void> {
    for (const { receiver } of this.#listeners) await receiver.close();
  }
}

async function listener(name: string, react: React, fields: object): Promise<Listener> {
  const told = new Told(name);
  const receiver = await Receiver.start({
    react,
    secret: SECRET,
    keeps: false,
    onRequest: ({ body, signatureProblem, reaction }) => {
      if (signatureProblem !== undefined) told.problem(signatureProblem);
      if (reaction.kind === 'answer' && reaction.status === 200) told.took(body);
    },
  });
  return { told, receiver, fields };
}
