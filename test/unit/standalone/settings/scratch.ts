/** Files for tests of what reads files; each is gone with its test. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

export function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'berth-settings-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  return folder;
}

/** @param mode as of chmod; nobody's umask takes anything from it */
export function write(path: string, text: string, mode = 0o600): string {
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}
