/** `npm run verify`, `backup` and `restore`, as processes of their own; and directories that end with the test. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { DatabaseSync } from 'node:sqlite';
import { expect, onTestFinished } from 'vitest';

const ROOT = join(import.meta.dirname, '..', '..', '..');

export interface Said {
  readonly code: number | null;
  readonly out: string;
  readonly errors: string;
}

export type ToolName = 'verify' | 'backup' | 'restore';

export function startTool(name: ToolName, ...words: readonly string[]): { ended: Promise<Said>; kill: () => void } {
  const program = [join(ROOT, 'standalone', 'maintenance', `${name}.ts`), ...words];
  const child = spawn(join(ROOT, 'node_modules', '.bin', 'node'), program, { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = Promise.all([once(child, 'close'), text(child.stdout), text(child.stderr)]).then(
    ([, out, errors]): Said => ({ code: child.exitCode, out, errors }),
  );
  return { ended, kill: () => child.kill('SIGKILL') };
}

export function tool(name: ToolName, ...words: readonly string[]): Promise<Said> {
  return startTool(name, ...words).ended;
}

/** One that must have nothing to complain of; what it printed. */
export async function wellDone(name: ToolName, ...words: readonly string[]): Promise<string> {
  const { code, out, errors } = await tool(name, ...words);
  expect({ code, errors }, out).toEqual({ code: 0, errors: '' });
  return out;
}

/** One that must refuse, in one line. */
export async function refused(name: ToolName, ...words: readonly string[]): Promise<string> {
  const { code, out, errors } = await tool(name, ...words);
  expect({ code, out }).toEqual({ code: 1, out: '' });
  expect(errors.trim().split('\n')).toHaveLength(1);
  return errors.trim();
}

/** An empty directory of the test's own. */
export function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), 'berth-test-'));
  onTestFinished(() => {
    rmSync(directory, { recursive: true, force: true });
  });
  return directory;
}

/** A client of the control socket, for what the tools themselves would never do. */
export async function control(data: string): Promise<{ ask: (word: string) => Promise<string>; leave: () => void }> {
  const connection = connect(join(data, 'control.socket'));
  connection.on('error', () => undefined);
  onTestFinished(() => {
    connection.destroy();
  });
  await once(connection, 'connect');
  return {
    ask: async (word) => {
      const answer = once(connection, 'data');
      connection.write(`${word}\n`);
      return String((await answer)[0]).trim();
    },
    leave: () => connection.destroy(),
  };
}

/** The files of all blobs, as paths. */
export function blobFiles(data: string): string[] {
  const blobs = join(data, 'blobs');
  return readdirSync(blobs, { recursive: true, encoding: 'utf8', withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Where the directory says that a digest's bytes lie. Only while nobody serves. */
export function fileOf(data: string, digest: string): string {
  for (const file of storeFiles(data, 'BlobDirectory')) {
    using database = new DatabaseSync(file, { readOnly: true });
    const key = database.prepare('SELECT key FROM blobs WHERE digest = ?').get(digest)?.['key'];
    if (typeof key === 'string') return join(data, key);
  }
  throw new Error(`${digest} is not mapped`);
}

export function storeFiles(data: string, className: string): string[] {
  const directory = join(data, 'state', 'do', `berth-${className}`);
  return readdirSync(directory)
    .filter((name) => /^[0-9a-f]+\.sqlite$/.test(name))
    .map((name) => join(directory, name));
}
