/** The builds that `npm start` runs and serves: made once for what stands in the project, and never half. */
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { BerthProcess } from './berth-process.ts';
import { refusal, run, start } from './berths.ts';
import { freshProject } from './fresh-project.ts';

function builds(project: string): string[] {
  return readdirSync(join(project, 'node_modules', '.cache', 'berth'));
}

function programs(project: string): string[] {
  return readdirSync(join(project, 'node_modules', '.cache', 'berth-program'));
}

test('npm start runs a bundle, also two first ones at once; a changed source makes a new one', async () => {
  const root = freshProject();
  const first = await Promise.all([start({ root, through: 'npm' }), start({ root, through: 'npm' })]);
  for (const { url } of first) expect((await fetch(`${url}/v2/`)).status).toBe(200);
  const [made = '', ...others] = programs(root);
  expect(others).toEqual([]);
  const folder = join(root, 'node_modules', '.cache', 'berth-program', made);
  // The thread's program is bundled too, and that is the one that is started.
  expect(existsSync(join(folder, 'thread.js'))).toBe(true);
  const main = readFileSync(join(folder, 'main.js'), 'utf8');
  expect(main).toContain('(import.meta.dirname, "thread.js")');
  expect(main).not.toContain('thread.ts"');
  await start({ root, through: 'npm' });
  expect(programs(root)).toEqual([made]);
  appendFileSync(join(root, 'standalone', 'main.ts'), '// changed\n');
  await start({ root, through: 'npm' });
  expect(programs(root)).toHaveLength(2);
});

test('npm start runs the sources where no bundle can be kept', async () => {
  const root = freshProject();
  mkdirSync(join(root, 'node_modules', '.cache'));
  writeFileSync(join(root, 'node_modules', '.cache', 'berth-program'), '');
  const berth = await start({ root, through: 'npm' });
  expect((await fetch(`${berth.url}/v2/`)).status).toBe(200);
  expect(berth.run.errors).toEqual([]);
});

test('two first starts at once both build and both serve; the next start finds the build, a changed source a new one', async () => {
  const root = freshProject();
  const first = await Promise.all([start({ root }), start({ root })]);
  for (const { url } of first) expect((await fetch(`${url}/v2/`)).status).toBe(200);
  expect(builds(root)).toHaveLength(1);
  const built = (berth: BerthProcess): boolean => berth.lines.some((line) => line.event === 'building');
  expect(first.map(built)).toEqual([true, true]);
  expect(built(await start({ root }))).toBe(false);
  appendFileSync(join(root, 'src', 'worker.ts'), '// changed\n');
  expect(built(await start({ root }))).toBe(true);
  expect(builds(root)).toHaveLength(2);
});

test('SIGTERM while it builds ends everything with code 0 and leaves nothing half-built', async () => {
  const root = freshProject();
  const one = run({ root });
  await one.waitFor((line) => line.event === 'building', { from: 0 });
  one.signal('SIGTERM');
  expect(await one.exited).toEqual({ code: 0, signal: null });
  await one.gone();
  expect(builds(root)).toEqual([]);
  expect((await start({ root })).lines.some((line) => line.event === 'building')).toBe(true);
});

test('a Worker that cannot be built says why, with code 1', async () => {
  const root = freshProject();
  appendFileSync(join(root, 'src', 'worker.ts'), 'this is no program\n');
  const { code, said } = await refusal({ root });
  expect(code).toBe(1);
  expect(said[0]).toBe(`The Worker could not be built from ${root}:`);
  expect(said.join('\n')).toContain('src/worker.ts');
  expect(builds(root)).toEqual([]);
});
