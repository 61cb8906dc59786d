/** How fast guesses at an admin password are compared where nobody knows from where they come; the clock is passed in. */
import { describe, expect, it } from 'vitest';
import { GuessPace, isGuessable } from '../../../src/http/admin/guess-pace.ts';

/** A pace whose clock goes on only by `advance`; whoever pauses goes on once his pause is over. */
function paced() {
  let now = 1_000_000;
  let paused: { until: number; go: () => void }[] = [];
  const pace = new GuessPace({
    now: () => now,
    pause: (ms) => new Promise<void>((go) => paused.push({ until: now + ms, go })),
    random: () => 0.5,
  });
  /** Lets everything that is not paused come to rest. */
  const rest = async (): Promise<void> => {
    for (let step = 0; step < 20; step += 1) await Promise.resolve();
  };
  const advance = async (ms: number): Promise<void> => {
    for (const end = now + ms; now < end;) {
      now = Math.min(end, now + 100);
      const over = paused.filter(({ until }) => until <= now);
      paused = paused.filter(({ until }) => until > now);
      for (const { go } of over) go();
      await rest();
    }
  };
  return { pace, advance, vanish: () => (paused = []) };
}

/** How many guesses have had their turn, and how many were sent away. */
function guessed(pace: GuessPace, times: number) {
  const told = { compared: 0, refused: 0 };
  for (let time = 0; time < times; time += 1)
    void pace.turn().then((isMine) => (told[isMine ? 'compared' : 'refused'] += 1));
  return told;
}

describe('guesses from nobody knows where', () => {
  it('are compared fifty a second, and those beyond wait for their turn', async () => {
    const { pace, advance } = paced();
    const told = guessed(pace, 120);
    await advance(100);
    expect(told).toEqual({ compared: 50, refused: 0 });
    await advance(1_100);
    expect(told).toEqual({ compared: 100, refused: 0 });
    await advance(1_100);
    expect(told).toEqual({ compared: 120, refused: 0 });
  });

  it('wait ten seconds at most, and no more than five hundred at a time', async () => {
    const { pace, advance } = paced();
    const told = guessed(pace, 600);
    await advance(100);
    expect(told).toEqual({ compared: 50, refused: 50 });
    await advance(12_000);
    expect(told.compared + told.refused).toBe(600);
    expect(told.compared).toBeGreaterThanOrEqual(500);
  });

  it('that have vanished keep no place', async () => {
    const { pace, advance, vanish } = paced();
    guessed(pace, 600);
    await advance(100);
    vanish();
    await advance(2_100);
    const told = guessed(pace, 60);
    await advance(1_300);
    expect(told).toEqual({ compared: 60, refused: 0 });
  });

  it('that were right are no guesses: whoever has the password sends as much as he likes', async () => {
    const { pace } = paced();
    for (let time = 0; time < 500; time += 1) {
      expect(await pace.turn()).toBe(true);
      pace.giveBack();
    }
  });
});

it('a password that Berth made is found by no guessing, and a person’s may be', () => {
  expect(isGuessable(`berth_admin_${'aB3_-'.repeat(6)}xy`)).toBe(false);
  for (const password of ['correct horse battery', `berth_admin_${'a'.repeat(31)}`, `xberth_admin_${'a'.repeat(32)}`])
    expect(isGuessable(password)).toBe(true);
});
