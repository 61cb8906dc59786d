import { hashSync } from 'bcryptjs';
import { describe, expect, it } from 'vitest';
import { parseHtpasswd, type Htpasswd } from '../../../src/auth/htpasswd.ts';
import { PasswordChecks } from '../../../src/auth/password-checks.ts';

function linesOf(...people: [name: string, password: string, cost?: number][]): Htpasswd {
  const text = people.map(([name, password, cost = 4]) => `${name}:${hashSync(password, cost)}`).join('\n');
  const parsed = parseHtpasswd(text, 12);
  if (parsed.kind === 'mistakes') throw new Error(parsed.mistakes.join('; '));
  return parsed.lines;
}

const LINES = linesOf(['alice', 'opensesame'], ['bob', 'opensesame']);

describe('a password', () => {
  it('is right for its own name alone', async () => {
    const checks = new PasswordChecks();
    expect(await checks.check(LINES, 'alice', 'opensesame')).toBe('right');
    for (const [name, password] of [
      ['alice', 'Opensesame'],
      ['alice', ''],
      ['alice', 'opensesame '],
      ['carol', 'opensesame'],
      ['', ''],
    ] as const)
      expect(await checks.check(LINES, name, password), `${name} ${password}`).toBe('wrong');
  });

  it('is recalled once it was right, and never when it was wrong', async () => {
    const checks = new PasswordChecks();
    expect(checks.recall(LINES, 'alice', 'opensesame')).toBeUndefined();
    await checks.check(LINES, 'alice', 'opensesame');
    await checks.check(LINES, 'alice', 'wrong');
    expect(checks.recall(LINES, 'alice', 'opensesame')?.name).toBe('alice');
    for (const [name, password] of [
      ['alice', 'wrong'],
      ['bob', 'opensesame'],
      ['carol', 'opensesame'],
    ] as const)
      expect(checks.recall(LINES, name, password), `${name} ${password}`).toBeUndefined();
  });

  it('is not recalled for a line that has changed', async () => {
    const checks = new PasswordChecks();
    await checks.check(LINES, 'alice', 'opensesame');
    expect(checks.recall(linesOf(['alice', 'other']), 'alice', 'opensesame')).toBeUndefined();
    expect(checks.recall(new Map(), 'alice', 'opensesame')).toBeUndefined();
  });

  it('of a name that is in no line costs as much as one that is (CVE-2023-20902)', async () => {
    const slow = linesOf(['alice', 'opensesame', 10], ['bob', 'opensesame', 4]);
    const msOf = async (name: string) => {
      const began = performance.now();
      await new PasswordChecks().check(slow, name, 'wrong');
      return performance.now() - began;
    };
    // The quickest of several: on a busy machine any one may be late, and none early.
    const quickest = async (name: string) => Math.min(await msOf(name), await msOf(name), await msOf(name));
    const [known, unknown, cheap] = [await quickest('alice'), await quickest('carol'), await quickest('bob')];
    // Cost 10 takes 64 times as long as cost 4.
    expect(unknown).toBeGreaterThan(4 * cheap);
    expect(known).toBeGreaterThan(4 * cheap);
  });

  it('that many bring at once is computed twice at a time at most, and once it is known not at all', async () => {
    const checks = new PasswordChecks();
    const slow = linesOf(['alice', 'opensesame', 8]);
    const asked = await Promise.all(Array.from({ length: 20 }, () => checks.check(slow, 'alice', 'opensesame')));
    expect(new Set(asked)).toEqual(new Set(['right']));
  });

  it('whose turn comes too late is not looked at', async () => {
    const checks = new PasswordChecks();
    let left = 3;
    const mayGoOn = () => (left -= 1) >= 0;
    const asked = await Promise.all(
      Array.from({ length: 6 }, (_, index) => checks.check(LINES, 'alice', `wrong ${String(index)}`, mayGoOn)),
    );
    expect(asked.filter((result) => result === 'wrong')).toHaveLength(3);
    expect(asked.filter((result) => result === 'busy')).toHaveLength(3);
  });
});
