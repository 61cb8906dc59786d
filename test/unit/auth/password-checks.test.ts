import { compare, hashSync } from 'bcryptjs';
import { describe, expect, it, vi } from 'vitest';
import { parseHtpasswd, type Htpasswd } from '../../../src/auth/htpasswd.ts';
import { PasswordChecks } from '../../../src/auth/password-checks.ts';

// As it is, and it tells what it was asked.
vi.mock('bcryptjs', { spy: true });

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
    const lines = linesOf(['alice', 'opensesame', 6], ['bob', 'opensesame', 4]);
    const checks = new PasswordChecks();
    const costs: unknown[] = [];
    for (const name of ['alice', 'carol', '']) {
      vi.mocked(compare).mockClear();
      await checks.check(lines, name, 'wrong');
      costs.push(vi.mocked(compare).mock.calls.map(([, hash]) => hash.slice(0, 7)));
    }
    // One computation each, of the highest cost that there is.
    expect(costs).toEqual([['$2b$06$'], ['$2b$06$'], ['$2b$06$']]);
  });

  it('that many bring at once is computed twice at a time at most, and once it is known not at all', async () => {
    const checks = new PasswordChecks();
    const slow = linesOf(['alice', 'opensesame', 6]);
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
