import { compare, hashSync } from 'bcryptjs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { parseHtpasswd, type Htpasswd } from '../../../src/auth/htpasswd.ts';
import { PasswordChecks, type Origin } from '../../../src/auth/password-checks.ts';

// As it is, and it tells what it was asked.
vi.mock('bcryptjs', { spy: true });

function linesOf(...people: [name: string, password: string, cost?: number][]): Htpasswd {
  const text = people.map(([name, password, cost = 4]) => `${name}:${hashSync(password, cost)}`).join('\n');
  const parsed = parseHtpasswd(text, 12);
  if (parsed.kind === 'mistakes') throw new Error(parsed.mistakes.join('; '));
  return parsed.lines;
}

const LINES = linesOf(['alice', 'opensesame'], ['bob', 'opensesame']);

const NOW = Date.UTC(2026, 10, 1);
const HERE: Origin = { network: '192.0.2.1', now: NOW };

describe('a password', () => {
  afterEach(() => {
    // In this order: what was spied on is a timer of the false clock.
    vi.restoreAllMocks();
    vi.useRealTimers();
    vi.mocked(compare).mockReset();
  });

  it('is right for its own name alone', async () => {
    const checks = new PasswordChecks();
    expect(await checks.check(LINES, 'alice', 'opensesame', HERE)).toBe('right');
    for (const [name, password] of [
      ['alice', 'Opensesame'],
      ['alice', ''],
      ['alice', 'opensesame '],
      ['carol', 'opensesame'],
      ['', ''],
    ] as const)
      expect(await checks.check(LINES, name, password, HERE), `${name} ${password}`).toBe('wrong');
  });

  it('is recalled once it was right, and never when it was wrong', async () => {
    const checks = new PasswordChecks();
    expect(checks.recall(LINES, 'alice', 'opensesame', HERE)).toBeUndefined();
    await checks.check(LINES, 'alice', 'opensesame', HERE);
    await checks.check(LINES, 'alice', 'wrong', HERE);
    expect(checks.recall(LINES, 'alice', 'opensesame', HERE)?.name).toBe('alice');
    for (const [name, password] of [
      ['alice', 'wrong'],
      ['bob', 'opensesame'],
      ['carol', 'opensesame'],
    ] as const)
      expect(checks.recall(LINES, name, password, HERE), `${name} ${password}`).toBeUndefined();
  });

  it('is not recalled for a line that has changed', async () => {
    const checks = new PasswordChecks();
    await checks.check(LINES, 'alice', 'opensesame', HERE);
    expect(checks.recall(linesOf(['alice', 'other']), 'alice', 'opensesame', HERE)).toBeUndefined();
    expect(checks.recall(new Map(), 'alice', 'opensesame', HERE)).toBeUndefined();
  });

  it('of a name that is in no line costs as much as one that is (CVE-2023-20902)', async () => {
    const lines = linesOf(['alice', 'opensesame', 6], ['bob', 'opensesame', 4]);
    const checks = new PasswordChecks();
    const costs: unknown[] = [];
    for (const name of ['alice', 'carol', '']) {
      vi.mocked(compare).mockClear();
      await checks.check(lines, name, 'wrong', HERE);
      costs.push(vi.mocked(compare).mock.calls.map(([, hash]) => hash.slice(0, 7)));
    }
    // One computation each, of the highest cost that there is.
    expect(costs).toEqual([['$2b$06$'], ['$2b$06$'], ['$2b$06$']]);
  });

  it('that many bring at once is computed twice at a time at most, and once it is known not at all', async () => {
    const checks = new PasswordChecks();
    const slow = linesOf(['alice', 'opensesame', 6]);
    const real = await vi.importActual<typeof import('bcryptjs')>('bcryptjs');
    let [running, most] = [0, 0];
    const counted = (password: string, hash: string): Promise<boolean> => {
      running += 1;
      most = Math.max(most, running);
      return real.compare(password, hash).finally(() => {
        running -= 1;
      });
    };
    vi.mocked<(password: string, hash: string) => Promise<boolean>>(compare).mockImplementation(counted);
    const asked = await Promise.all(Array.from({ length: 20 }, () => checks.check(slow, 'alice', 'opensesame', HERE)));
    expect(new Set(asked)).toEqual(new Set(['right']));
    expect(most).toBe(2);
    vi.mocked(compare).mockClear();
    expect(checks.recall(slow, 'alice', 'opensesame', HERE)?.name).toBe('alice');
    expect(compare).not.toHaveBeenCalled();
  });

  it('that one network has proven is no news to another', async () => {
    const checks = new PasswordChecks();
    await checks.check(LINES, 'alice', 'opensesame', HERE);
    expect(checks.recall(LINES, 'alice', 'opensesame', { network: '192.0.2.2', now: NOW })).toBeUndefined();
    expect(checks.recall(LINES, 'alice', 'opensesame', { network: undefined, now: NOW })).toBeUndefined();
  });

  it.each([HERE, { network: undefined, now: NOW }])(
    'that was right before is not told to whoever guesses, from %o, before a minute has passed',
    async (origin) => {
      const checks = new PasswordChecks();
      await checks.check(LINES, 'alice', 'opensesame', origin);
      for (let guess = 0; guess < 20; guess += 1) {
        expect(checks.recall(LINES, 'alice', `guess ${String(guess)}`, origin)).toBeUndefined();
      }
      expect(checks.recall(LINES, 'alice', 'opensesame', origin)).toBeUndefined();
      expect(checks.recall(LINES, 'alice', 'opensesame', { ...origin, now: NOW + 60_000 })?.name).toBe('alice');
    },
  );

  it('is not waited for by more than fifty at a time', async () => {
    const checks = new PasswordChecks();
    const results = await Promise.all(
      Array.from({ length: 60 }, (_, index) => checks.check(LINES, 'alice', `wrong ${String(index)}`, HERE)),
    );
    // Two have their turn at once, and fifty wait for it.
    expect(results.filter((result) => result === 'busy')).toHaveLength(8);
  });

  it('is looked at in the order of arrival, and nobody waits for a request that has gone away', async () => {
    vi.useFakeTimers();
    const order: string[] = [];
    const pending: (() => void)[] = [];
    vi.mocked<(password: string, hash: string) => Promise<boolean>>(compare).mockImplementation((password) => {
      order.push(password);
      return new Promise((resolve) => {
        pending.push(() => {
          resolve(false);
        });
      });
    });
    const checks = new PasswordChecks();
    const ask = (password: string) => checks.check(LINES, 'alice', password, HERE);
    const asked = [ask('first'), ask('second')];
    // A request that goes away takes its timers along.
    const never = setTimeout(() => undefined);
    vi.spyOn(globalThis, 'setTimeout').mockReturnValueOnce(never);
    void ask('gone');
    asked.push(ask('third'), ask('fourth'));
    await vi.advanceTimersByTimeAsync(0);
    for (const end of pending) end();
    await vi.advanceTimersByTimeAsync(6_000);
    for (const end of pending) end();
    expect(await Promise.all(asked)).toEqual(asked.map(() => 'wrong'));
    expect(order).toEqual(['first', 'second', 'third', 'fourth']);
  });

  it('whose turn comes too late is not looked at', async () => {
    const checks = new PasswordChecks();
    let left = 3;
    const mayGoOn = () => (left -= 1) >= 0;
    const asked = await Promise.all(
      Array.from({ length: 6 }, (_, index) => checks.check(LINES, 'alice', `wrong ${String(index)}`, HERE, mayGoOn)),
    );
    expect(asked.filter((result) => result === 'wrong')).toHaveLength(3);
    expect(asked.filter((result) => result === 'busy')).toHaveLength(3);
  });
});
