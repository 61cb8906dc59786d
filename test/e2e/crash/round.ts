/** One round: clients push at once while the registry is killed at moments that the seed decides; then the audit. */
import { audit, nothingIsHeld } from './audit.ts';
import type { Audit } from './audit.ts';
import { exchange } from './exchange.ts';
import { ImageClient } from './image-client.ts';
import type { Load } from './image-client.ts';
import { blobOf, Ledger } from './ledger.ts';
import { Seeded } from './seeded.ts';
import { expectStatus } from './session-client.ts';
import { UnstableBerth } from './unstable-berth.ts';
import type { Victim } from './unstable-berth.ts';
import { Wire } from './wire.ts';

export interface RoundOptions {
  readonly seed: number | string;
  readonly clients: number;
  /** In this order. */
  readonly kills: readonly Victim[];
  readonly smallestBlobBytes: number;
  readonly largestBlobBytes: number;
  readonly log: (line: string) => void;
}

/** Most steps are pieces of bodies: a blob of the largest size takes about three hundred. */
const MOST_STEPS_BETWEEN_KILLS = 400;
const SHARED_BLOBS = 3;

/** Throws at everything that a client was promised and did not get. */
export async function runRound(options: RoundOptions): Promise<Audit> {
  const { kills, log } = options;
  const random = new Seeded(options.seed);
  const berth = await UnstableBerth.start();
  try {
    const ledger = new Ledger();
    const load = loadOf(options, random.branch('shared'));
    let over = false;
    const clients = Array.from({ length: options.clients }, async (_, index) => {
      const client = new ImageClient(`c${index}`, new Wire(berth), random.branch(`client ${index}`), ledger, load);
      while (!over) await client.act();
    });
    const killing = killThrough(berth, random.branch('kills'), kills, log).finally(() => {
      over = true;
    });
    await Promise.race([killing, Promise.all(clients)]).finally(() => {
      over = true;
    });
    await Promise.all([killing, ...clients]);
    await berth.kill('all');
    const seen = await audit(berth, ledger, random.branch('audit'));
    log(describe(seen));
    await endsWell(berth);
    return seen;
  } finally {
    await berth.discard();
  }
}

function loadOf({ smallestBlobBytes, largestBlobBytes }: RoundOptions, random: Seeded): Load {
  const shared = (): ReturnType<typeof blobOf> =>
    blobOf(random.bytes(random.logarithmic(smallestBlobBytes, largestBlobBytes)));
  return {
    repositories: ['crash/one', 'crash/two', 'three'],
    shared: [shared(), ...Array.from({ length: SHARED_BLOBS - 1 }, shared)],
    smallestBlobBytes,
    largestBlobBytes,
  };
}

async function killThrough(
  berth: UnstableBerth,
  random: Seeded,
  kills: readonly Victim[],
  log: (line: string) => void,
): Promise<void> {
  for (const victim of kills) {
    const steps = random.integer(1, MOST_STEPS_BETWEEN_KILLS);
    await berth.steps(steps);
    await berth.kill(victim);
    log(`killed ${victim} after ${steps} steps`);
  }
}

/** It stops as it is asked to, nothing of it is left, and the next start serves. */
async function endsWell(berth: UnstableBerth): Promise<void> {
  const last = await berth.serving();
  const { code } = await last.stop();
  if (code !== 0) throw new Error(`it ended with code ${code ?? 'none'}`);
  await nothingIsHeld(last.port, last.data);
  const next = await last.startAgain();
  try {
    const answer = await exchange(next.url, { method: 'GET', path: '/v2/' });
    if (answer.kind !== 'answer') throw new Error(`the next start does not answer: ${answer.reason}`);
    expectStatus(answer, [200], 'GET /v2/ after the next start');
  } finally {
    await next.stop();
  }
}

function describe({ blobs, bytes, manifests, tags, absent, finished, cancelled }: Audit): string {
  return (
    `${blobs} blobs (${bytes} bytes), ${manifests} manifests, ${tags} tags as acknowledged; ${absent} digests absent; ` +
    `${finished} sessions finished, ${cancelled} cancelled`
  );
}
