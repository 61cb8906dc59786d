import { describe, expect, it } from 'vitest';
import { Guesses } from '../../../src/http/access/guesses.ts';

const NOW = Date.UTC(2026, 10, 1);
const MINUTE = 60_000;

async function guess(guesses: Guesses, times: number, name: string, network: string | undefined, now = NOW) {
  for (let time = 0; time < times; time += 1) await guesses.count(name, network, now, {});
}

describe('guesses', () => {
  it('at one name from one network are ten a minute', async () => {
    const guesses = new Guesses();
    await guess(guesses, 9, 'alice', '192.0.2.1');
    expect(guesses.waitSeconds('alice', '192.0.2.1', NOW)).toBeUndefined();
    await guess(guesses, 1, 'alice', '192.0.2.1');
    expect(guesses.waitSeconds('alice', '192.0.2.1', NOW)).toBe(60);
    expect(guesses.waitSeconds('alice', '192.0.2.1', NOW + 45_500)).toBe(15);
    expect(guesses.waitSeconds('alice', '192.0.2.1', NOW + MINUTE)).toBeUndefined();
  });

  it('keep nobody else waiting: another network, and another name from the same one', async () => {
    const guesses = new Guesses();
    await guess(guesses, 20, 'alice', '192.0.2.1');
    expect(guesses.waitSeconds('alice', '192.0.2.2', NOW)).toBeUndefined();
    expect(guesses.waitSeconds('bob', '192.0.2.1', NOW)).toBeUndefined();
  });

  it('at many names from one network are fifty a minute', async () => {
    const guesses = new Guesses();
    for (let index = 0; index < 49; index += 1) await guess(guesses, 1, `user${String(index)}`, '192.0.2.1');
    expect(guesses.waitSeconds('alice', '192.0.2.1', NOW)).toBeUndefined();
    await guess(guesses, 1, 'one more', '192.0.2.1');
    expect(guesses.waitSeconds('alice', '192.0.2.1', NOW)).toBe(60);
    expect(guesses.waitSeconds('alice', '192.0.2.2', NOW)).toBeUndefined();
  });

  it('that are spread over minutes are let be', async () => {
    const guesses = new Guesses();
    for (let minute = 0; minute < 5; minute += 1) {
      await guess(guesses, 9, 'alice', '192.0.2.1', NOW + minute * MINUTE);
      expect(guesses.waitSeconds('alice', '192.0.2.1', NOW + minute * MINUTE)).toBeUndefined();
    }
  });

  it('from nobody knows where keep nobody waiting, since that would be everybody', async () => {
    const guesses = new Guesses();
    await guess(guesses, 200, 'alice', undefined);
    expect(guesses.waitSeconds('alice', undefined, NOW)).toBeUndefined();
  });

  it('are counted by the platform where it counts, and what it said is kept for the minute', async () => {
    const guesses = new Guesses();
    const asked: string[] = [];
    const limiter = (success: boolean) => ({
      limit: async ({ key }: { key: string }) => {
        asked.push(key);
        return { success };
      },
    });
    const bindings = { GUESSES_FOR_NAME: limiter(true), GUESSES_FOR_NETWORK: limiter(true) };
    for (let time = 0; time < 100; time += 1) await guesses.count('alice', '192.0.2.1', NOW, bindings);
    expect(guesses.waitSeconds('alice', '192.0.2.1', NOW)).toBeUndefined();
    expect(new Set(asked)).toEqual(new Set(['192.0.2.1 alice', '192.0.2.1']));
    await guesses.count('alice', '192.0.2.1', NOW, { ...bindings, GUESSES_FOR_NAME: limiter(false) });
    expect(guesses.waitSeconds('alice', '192.0.2.1', NOW + MINUTE - 1)).toBe(1);
  });

  it('from very many networks take no more memory than from ten thousand', async () => {
    const guesses = new Guesses();
    await guess(guesses, 10, 'alice', 'first');
    for (let index = 0; index < 10_001; index += 1) await guess(guesses, 10, 'alice', `net${String(index)}`);
    expect(guesses.waitSeconds('alice', 'net10000', NOW)).toBe(60);
    expect(guesses.waitSeconds('alice', 'first', NOW)).toBeUndefined();
  });
});
