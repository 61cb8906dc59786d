/** Berths that end with the test that started them. */
import { onTestFinished } from 'vitest';
import { runBerth, startBerth } from './berth-process.ts';
import type { BerthOptions, BerthProcess, BerthRun } from './berth-process.ts';

export async function start(options?: BerthOptions): Promise<BerthProcess> {
  return ending(await startBerth(options));
}

/** The next start on the same port and data, once the one before has ended. */
export async function startAgain(before: BerthProcess, changes?: BerthOptions): Promise<BerthProcess> {
  return ending(await before.startAgain(changes));
}

export function run(options: Parameters<typeof runBerth>[0]): BerthRun {
  return ending(runBerth(options));
}

/** One that must not serve: how it ended and what it said on stderr. */
export async function refusal(
  options: Parameters<typeof runBerth>[0],
): Promise<{ code: number | null; said: readonly string[] }> {
  const one = run(options);
  const { code } = await one.exited;
  return { code, said: one.errors };
}

function ending<T extends { discard(): Promise<void> }>(one: T): T {
  onTestFinished(() => one.discard());
  return one;
}
