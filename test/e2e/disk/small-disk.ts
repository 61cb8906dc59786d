/** A small file system of a test's own, on Linux and as root; the test that asks for one is skipped elsewhere, by name. */
import { execFile } from 'node:child_process';
import { appendFileSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { TestContext } from 'vitest';

const run = promisify(execFile);

export class SmallDisk {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** Unmounted when the test ends. */
  static async mount(context: TestContext, mebibytes: number): Promise<SmallDisk> {
    const path = mkdtempSync(join(tmpdir(), 'berth-disk-'));
    try {
      await run('mount', ['-t', 'tmpfs', '-o', `size=${String(mebibytes)}m`, 'tmpfs', path]);
    } catch (error) {
      rmSync(path, { recursive: true });
      const message = `no file system can be mounted here: ${error instanceof Error ? error.message.trim() : String(error)}`;
      if (process.env['BERTH_REQUIRE_CLIENTS'] === '1') throw new Error(message, { cause: error });
      console.warn(`skipped: ${message}`);
      return context.skip(message);
    }
    context.onTestFinished(async () => {
      await run('umount', ['--lazy', path]);
      rmSync(path, { recursive: true });
    });
    return new SmallDisk(path);
  }

  async remount(mode: 'ro' | 'rw'): Promise<void> {
    await run('mount', ['-o', `remount,${mode}`, this.path]);
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.path);
    return bavail * bsize;
  }

  /** Somebody else's file takes all but so many bytes. */
  fill(leaveBytes: number): void {
    const bytes = this.freeBytes - leaveBytes;
    if (bytes > 0) appendFileSync(this.#filler, Buffer.alloc(bytes));
  }

  makeSpace(): void {
    rmSync(this.#filler, { force: true });
  }

  get #filler(): string {
    return join(this.path, 'filler');
  }
}
