/** A checkout of the test's own. */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A project of its own that was never built; the packages are those of this one. */
export function freshProject(): string {
  const root = join(import.meta.dirname, '..', '..');
  const project = mkdtempSync(join(tmpdir(), 'berth-project-'));
  onTestFinished(() => {
    rmSync(project, { recursive: true, force: true });
  });
  for (const name of ['scripts', 'standalone', 'src', 'tools', 'wrangler.toml', 'package.json', 'package-lock.json'])
    cpSync(join(root, name), join(project, name), { recursive: true });
  mkdirSync(join(project, 'node_modules'));
  for (const name of readdirSync(join(root, 'node_modules')))
    if (name !== '.cache') symlinkSync(join(root, 'node_modules', name), join(project, 'node_modules', name));
  return project;
}
