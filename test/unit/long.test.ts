/** The frame of the long campaigns, on campaigns that end in every way that one can. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Campaign } from '../long/campaign.ts';
import { campaigns } from '../long/campaigns.ts';
import { parseOptions, plan } from '../long/options.ts';

const FRAME = join(import.meta.dirname, '../long/frame.ts');

const campaign = (name: string, share: number): Campaign => ({ name, share, run: () => Promise.resolve() });

describe('the options', () => {
  test.each([
    [['--minutes', '0']],
    [['--minutes', 'many']],
    [['--seed', '1.5']],
    [['--seed', '-1']],
    [['--seed', '4294967296']],
    [['--onyl', 'crashes']],
    [['crashes']],
  ])('%j is refused with a reason', (given) => {
    expect(parseOptions(given)).toEqual(expect.any(String));
  });

  test('are twenty minutes for all campaigns when nothing is asked', () => {
    expect(parseOptions([])).toEqual({ minutes: 20 });
  });

  test('are read', () => {
    const given = ['--minutes', '2.5', '--only', 'crashes', '--seed', '4294967295'];
    expect(parseOptions(given)).toEqual({ minutes: 2.5, only: 'crashes', seed: 4_294_967_295 });
  });
});

describe('the plan', () => {
  const table = [campaign('crashes', 3), campaign('growth', 1)];

  test('divides the time by the shares', () => {
    expect(plan(table, { minutes: 20 })).toEqual([
      { name: 'crashes', milliseconds: 900_000 },
      { name: 'growth', milliseconds: 300_000 },
    ]);
  });

  test('gives all the time to the only one', () => {
    expect(plan(table, { minutes: 1, only: 'growth' })).toEqual([{ name: 'growth', milliseconds: 60_000 }]);
  });

  test('leaves out what is run only on request, unless it is asked for', () => {
    const release: Campaign = { ...campaign('release', 6), onRequest: true };
    expect(plan([...table, release], { minutes: 20 })).toEqual(plan(table, { minutes: 20 }));
    expect(plan([...table, release], { minutes: 5, only: 'release' })).toEqual([
      { name: 'release', milliseconds: 300_000 },
    ]);
  });

  test('names the campaigns when it is asked for one that is not there', () => {
    expect(plan(table, { minutes: 1, only: 'crash' })).toBe('There is no campaign crash. There are: crashes, growth.');
  });

  test('refuses two campaigns of one name', () => {
    expect(plan([...table, campaign('growth', 1)], { minutes: 1 })).toContain('Two campaigns have one name');
  });

  test('can name every campaign of the real table', () => {
    const names = campaigns.map(({ name }) => name);
    expect([...new Set(names)]).toEqual(names);
  });
});

describe('a run', { timeout: 60_000 }, () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'berth-long-'));
  });

  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  async function run(table: string, given: readonly string[]): Promise<{ code: number | null; output: string }> {
    writeFileSync(join(folder, 'table.mjs'), `export const campaigns = [${table}];\n`);
    writeFileSync(
      join(folder, 'run.mjs'),
      `import { runCampaigns } from ${JSON.stringify(FRAME)};
       const patience = { overtimeMs: 300, lastWordsMs: 300 };
       const table = ${JSON.stringify(join(folder, 'table.mjs'))};
       process.exitCode = await runCampaigns(table, process.argv.slice(2), patience);\n`,
    );
    const child = spawn(process.execPath, [join(folder, 'run.mjs'), ...given], { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    }
    return new Promise((settle) => {
      child.on('close', (code) => {
        settle({ code, output });
      });
    });
  }

  const FINE = "{ name: 'fine', share: 1, run: async ({ seed, log }) => log(`made up from ${seed}`) }";
  const WRONG = "{ name: 'wrong', share: 1, run: async () => { throw new Error('a blob is missing'); } }";

  test('hands its seed to every campaign and ends with the counts', async () => {
    const { code, output } = await run(FINE, ['--minutes', '1', '--seed', '7']);
    expect(output).toContain('seed 7, 1 minutes, 1 campaigns');
    expect(output).toContain('  fine: made up from 7\n');
    expect(output.trimEnd().split('\n').at(-1)).toBe('1 passed, 0 failed');
    expect(code).toBe(0);
  });

  test('draws a new seed each time and prints it', async () => {
    const seeds = await Promise.all([run(FINE, []), run(FINE, [])]);
    const [first, second] = seeds.map(({ output }) => /^seed (\d+),/m.exec(output)?.[1]);
    expect(first).toEqual(expect.any(String));
    expect(first).not.toBe(second);
  });

  test('goes on after a failure, and says how to have it again', async () => {
    const { code, output } = await run(`${WRONG}, ${FINE}`, ['--minutes', '2', '--seed', '9']);
    expect(output).toContain('a blob is missing');
    expect(output).toContain('fine: made up from 9');
    expect(output).toContain('npm run test:long -- --only wrong --seed 9 --minutes 1.00\n');
    expect(output.trimEnd().split('\n').at(-1)).toBe('1 passed, 1 failed');
    expect(code).toBe(1);
  });

  // `run` waits until nobody holds its pipes any more: it would never return if the child of the campaign lived on.
  test('ends a campaign that does not end in its time, with all that it has started', async () => {
    const deaf = `process.on('SIGTERM', () => {}); setInterval(() => {}, 1_000);`;
    const { code, output } = await run(
      `{ name: 'endless', share: 1, run: async () => {
        const { spawn } = await import('node:child_process');
        spawn(process.execPath, ['-e', ${JSON.stringify(deaf)}], { stdio: 'inherit' });
        ${deaf}
        await new Promise(() => {});
      } }`,
      ['--minutes', '0.02'],
    );
    expect(output).toContain('endless: FAILED, it did not end in its time');
    expect(code).toBe(1);
  });

  test('tells a campaign that was ended from outside from one that passed', async () => {
    const killed = "{ name: 'killed', share: 1, run: async () => { process.kill(process.pid, 'SIGKILL'); } }";
    const { code, output } = await run(killed, []);
    expect(output).toContain('killed: FAILED, it was ended by SIGKILL');
    expect(code).toBe(1);
  });

  test('refuses what it does not understand before it runs anything', async () => {
    const { code, output } = await run(FINE, ['--only', 'crashes']);
    expect(output).toContain('There is no campaign crashes. There are: fine.\nUsage: npm run test:long');
    expect(code).toBe(2);
  });
});
