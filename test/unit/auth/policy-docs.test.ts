/** docs/policy.md against the code: its examples are policies, its tables say what patterns match and what the limits are. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { matchesRepository, parsePattern } from '../../../src/auth/patterns.ts';
import { parsePolicy } from '../../../src/auth/policy-document.ts';
import { named } from './questions.ts';

const read = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
const page = read('docs/policy.md');
const code = read('src/auth/policy-document.ts') + read('src/auth/patterns.ts');

const examples = [...page.matchAll(/^```json\n([\s\S]*?)^```/gm)].map(([, text = '']) => text);

it('has examples, and each is a policy', () => {
  expect(examples.length).toBeGreaterThanOrEqual(3);
  for (const text of examples) expect(parsePolicy(text), text).toMatchObject({ ok: true });
});

it('shows a mistake as it is told', () => {
  const rule = { name: 'x', subjects: ['anonymous'], repositories: ['**'], actions: ['read'] };
  const rules = [0, 1, 2].map((index) => ({
    ...rule,
    name: String(index),
    actions: index === 2 ? ['read'] : ['pull'],
  }));
  const result = parsePolicy(JSON.stringify({ rules }));
  expect(result).toMatchObject({ ok: false });
  if (!result.ok) expect(page).toContain(`BERTH_POLICY is no policy: ${result.mistakes.join('; ')}`);
});

it('has a row for every key of a rule', () => {
  const [, body = ''] = /const RuleSchema = v\.pipe\(\n {2}v\.strictObject\(\{\n([\s\S]*?)\n {2}\}\),/.exec(code) ?? [];
  const keys = [...body.matchAll(/^ {4}(\w+):/gm)].map(([, key = '']) => key);
  expect(keys.length).toBeGreaterThanOrEqual(8);
  for (const key of keys) expect(page).toContain(`| \`${key}\` |`);
});

it('says what patterns match', () => {
  const [, table = ''] = /\| pattern \| matches \| does not match \|\n\| --- .*\n((?:\|.*\n)+)/.exec(page) ?? [];
  const rows = table.trim().split('\n');
  expect(rows.length).toBeGreaterThanOrEqual(5);
  for (const row of rows) {
    const [, pattern = '', yes = '', no = ''] = row.split('|').map((cell) => cell.trim());
    const parsed = parsePattern(pattern.replaceAll('`', ''));
    if (!parsed.ok) throw new Error(`${pattern} is no pattern`);
    const names = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
    for (const name of names(yes)) expect(matchesRepository(parsed.pattern, named(name), undefined), name).toBe(true);
    for (const name of names(no)) expect(matchesRepository(parsed.pattern, named(name), undefined), name).toBe(false);
  }
});

it('gives the limits of the code', () => {
  const limits = [...code.matchAll(/^(?:export )?const (?:MOST|LONGEST)_\w+ = ([\d_]+);/gm)].map(([, value = '']) =>
    Number(value.replaceAll('_', '')).toLocaleString('en'),
  );
  expect(limits.length).toBeGreaterThanOrEqual(9);
  const section = page.slice(page.indexOf('## Limits'));
  // How much of a key is echoed is no limit of a policy.
  for (const limit of limits.filter((value) => value !== '60')) expect(section).toMatch(new RegExp(`\\b${limit}\\b`));
});
