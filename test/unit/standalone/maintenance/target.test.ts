import { chownSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { openTarget } from '../../../../standalone/maintenance/target.ts';

const ANOTHER = 12_345;
const user = process.geteuid?.() ?? 0;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'berth-target-'));
  return () => {
    rmSync(folder, { recursive: true, force: true });
  };
});

/** Root can give one away; to anybody else the root of the file system is such a one. */
function anothers(): { path: string; uid: number } {
  if (user !== 0) return { path: '/', uid: 0 };
  const path = join(folder, 'anothers');
  mkdirSync(path);
  chownSync(path, ANOTHER, ANOTHER);
  return { path, uid: ANOTHER };
}

const accept = (): void => undefined;

it('refuses a directory of another user, in which this one would leave what that one may not read', () => {
  const { path, uid } = anothers();
  const before = readdirSync(path);
  expect(() => openTarget(path, accept)).toThrow(
    `${path} belongs to another user (uid ${String(uid)}; this is ${String(user)}). Run this as that one, give it away (chown -R ${String(user)} ${path}), or choose another directory`,
  );
  expect(readdirSync(path)).toEqual(before);
});

it('takes a directory of its own, whoever has the one above', () => {
  const target = join(folder, 'backup');
  if (user === 0) chownSync(folder, ANOTHER, ANOTHER);
  expect(openTarget(target, accept)).toBe(target);
  expect(readdirSync(target)).toEqual(['lock']);
});
