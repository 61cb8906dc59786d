/** Several players at once against one registry, each with sequences of its own that fast-check makes up and shrinks. */
import fc from 'fast-check';
import { Player } from './player.ts';
import type { Registry } from './registry.ts';
import { sequence } from './steps.ts';
import { Acquaintances } from './wild.ts';

const PLAYERS = 8;

export interface Limits {
  /** Requests of the whole tally after which no sequence is begun. */
  readonly requests: number;
  /** Milliseconds since 1970: likewise. */
  readonly deadline: number;
  /** So long a failing sequence is made shorter. */
  readonly shrinkingMs: number;
}

/** Plays until a limit is reached. Throws the first failure, with the shortest sequence that was found to bring it back. */
export async function playAll(registry: Registry, seed: number, limits: Limits): Promise<void> {
  const acquaintances = new Acquaintances();
  const over = { failed: false };
  const failures = await Promise.all(
    Array.from({ length: PLAYERS }, (_, player) => playOne(registry, acquaintances, { seed, player }, limits, over)),
  );
  const failure = failures.find((one) => one !== undefined);
  if (failure !== undefined) throw new Error(failure);
}

async function playOne(
  registry: Registry,
  acquaintances: Acquaintances,
  { seed, player }: { seed: number; player: number },
  { requests, deadline, shrinkingMs }: Limits,
  over: { failed: boolean },
): Promise<string | undefined> {
  let played = 0;
  let hasFailed = false;
  let shrinksUntil = Infinity;
  const isOver = (): boolean => over.failed || Date.now() >= deadline || registry.tally.sent >= requests;
  const property = fc.asyncProperty(sequence, async (steps) => {
    // To go on without a word is to agree: of whoever has failed the shorter sequences are played all the same.
    if (hasFailed ? Date.now() > shrinksUntil : isOver()) return;
    played += 1;
    try {
      await new Player(registry, acquaintances, `fz${String(player)}/s${String(played)}`).play(steps);
    } catch (error) {
      if (!hasFailed) shrinksUntil = Date.now() + shrinkingMs;
      hasFailed = true;
      over.failed = true;
      throw error;
    }
  });
  while (!isOver()) {
    const run = await fc.check(property, { seed: seed + player * 7_919 + played * 104_729, numRuns: 20 });
    if (!run.failed) continue;
    const { errorInstance, numShrinks, counterexample } = run;
    const steps = counterexample?.[0].length ?? 0;
    const message = errorInstance instanceof Error ? errorInstance.message : String(errorInstance);
    return `player ${String(player)}, made shorter ${String(numShrinks)} times, to ${String(steps)} steps: ${message}`;
  }
  return undefined;
}
