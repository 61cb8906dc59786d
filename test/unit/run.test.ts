/** `npm test` is what everybody believes, so it is tested too: on small folders of tests that end in every way. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const RUNNER = join(import.meta.dirname, '../run.ts');
const RUN_LIMIT_MS = 60_000;

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'berth-run-'));
  writeFileSync(join(folder, 'vitest.config.mjs'), 'export default { test: { globals: true } };\n');
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

interface Ran {
  readonly code: number | null;
  readonly output: string;
  readonly lastLine: string | undefined;
}

async function run(content: string, given: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Promise<Ran> {
  writeFileSync(join(folder, 'given.test.mjs'), content);
  const outer = Object.entries(process.env).filter(([name]) => !/^(VITEST|BERTH_)/.test(name));
  const child = spawn(process.execPath, [RUNNER, '--root', folder, ...given], {
    env: { ...Object.fromEntries(outer), CI: 'true', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  return new Promise((settle) => {
    child.on('close', (code) => {
      settle({ code, output: stdout + stderr, lastLine: stdout.trimEnd().split('\n').at(-1) });
    });
  });
}

const PASSING = "test('it holds', () => {});\n";
const SKIPPED = "test('it needs ctr', ({ skip }) => skip('ctr is not installed'));\n";

describe('npm test', { timeout: RUN_LIMIT_MS }, () => {
  test('ends with the counts alone on a line, without colours', async () => {
    const { code, output, lastLine } = await run(PASSING);
    expect(lastLine).toBe('1 passed, 0 failed, 0 skipped');
    expect(output).not.toContain('\u001b[');
    expect(code).toBe(0);
  });

  test('names what it skipped, with the reason', async () => {
    const { code, output, lastLine } = await run(PASSING + SKIPPED);
    expect(output).toContain('Skipped:\n  given.test.mjs: it needs ctr\n    ctr is not installed\n');
    expect(lastLine).toBe('1 passed, 0 failed, 1 skipped');
    expect(code).toBe(0);
  });

  test('fails for what it skipped where every client is required', async () => {
    const { code, output, lastLine } = await run(PASSING + SKIPPED, [], { BERTH_REQUIRE_CLIENTS: '1' });
    expect(output).toContain('  given.test.mjs: it needs ctr\n    ctr is not installed\n');
    expect(lastLine).toBe('1 passed, 1 failed, 0 skipped');
    expect(code).toBe(1);
  });

  test.each([
    ['a test that fails', "test('it breaks', () => { throw new Error('broken'); });", '1 passed, 1 failed, 0 skipped'],
    ['a file that does not load', "throw new Error('broken');", '0 passed, 1 failed, 0 skipped'],
    [
      'a hook that throws',
      "describe('part', () => { beforeAll(() => { throw new Error('broken'); }); test('never run', () => {}); });",
      '1 passed, 1 failed, 1 skipped',
    ],
    [
      'an error outside of tests',
      "test('it goes on', () => new Promise((settle) => setTimeout(() => { settle(); throw new Error('broken'); })));",
      '2 passed, 1 failed, 0 skipped',
    ],
    ['a test that is marked to run alone', "test.only('it is alone', () => {});", '0 passed, 1 failed, 1 skipped'],
  ])('fails for %s', async (_, content, line) => {
    const { code, lastLine } = await run(PASSING + content);
    expect(lastLine).toBe(line);
    expect(code).toBe(1);
  });

  test('fails when its filter finds no file', async () => {
    const { code, output, lastLine } = await run(PASSING, ['nothing-of-that-name']);
    expect(output).toContain('No test was run. Does the filter name a test file?');
    expect(lastLine).toBe('0 passed, 0 failed, 0 skipped');
    expect(code).toBe(1);
  });

  test('runs the tests that -t names and counts no others', async () => {
    const { lastLine } = await run(`${PASSING}test('it is left out', () => {});\n`, ['-t', 'it holds']);
    expect(lastLine).toBe('1 passed, 0 failed, 0 skipped');
  });

  test('ends a run that takes too long, and says where it was', async () => {
    const hanging = "test('it hangs', () => new Promise(() => {}), 60_000);\n";
    const { code, output, lastLine } = await run(hanging, ['--minutes', '0.05']);
    expect(output).toContain('The tests did not end within 0.05 minutes. Running: given.test.mjs');
    expect(lastLine).toBe('0 passed, 1 failed, 1 skipped');
    expect(code).toBe(1);
  });

  test('fails when its configuration does not load', async () => {
    writeFileSync(join(folder, 'vitest.config.mjs'), "throw new Error('broken');\n");
    const { code, output, lastLine } = await run(PASSING);
    expect(output).toContain('broken');
    expect(lastLine).toBe('0 passed, 1 failed, 0 skipped');
    expect(code).toBe(1);
  });
});
