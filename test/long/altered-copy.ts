/** A checkout with alterations, for as long as it is used. */
import { cp, mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { alter } from './alteration.ts';
import type { Alteration } from './alteration.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const COPIED = ['src', 'standalone', 'scripts', 'tools', 'wrangler.toml', 'package.json', 'package-lock.json'];

export async function withAlteredCopy<T>(
  alterations: readonly Alteration[],
  use: (root: string) => Promise<T>,
): Promise<T> {
  const root = await mkdtemp(join(tmpdir(), 'berth-fault-'));
  try {
    await copyTo(root);
    for (const alteration of alterations) await alter(alteration, root);
    return await use(root);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

/** With builds of its own: these are of nobody else's sources. */
async function copyTo(root: string): Promise<void> {
  for (const name of COPIED) await cp(join(ROOT, name), join(root, name), { recursive: true });
  await mkdir(join(root, 'node_modules'));
  for (const name of await readdir(join(ROOT, 'node_modules'))) {
    if (name !== '.cache') await symlink(join(ROOT, 'node_modules', name), join(root, 'node_modules', name));
  }
}
