/** `npm run copy` as a process of its own, and the report that it writes. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished } from 'vitest';
import * as v from 'valibot';
import { NODE_FLAGS } from '../../../standalone/node-flags.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');

/** What is printed every ten seconds, so on a slow machine only. */
const PROGRESS = /^\d+ repos, .*\n/gm;

const Report = v.object({
  stopped: v.boolean(),
  dryRun: v.boolean(),
  repositories: v.number(),
  tags: v.object({ copied: v.number(), skipped: v.number() }),
  manifests: v.object({ copied: v.number(), skipped: v.number() }),
  blobs: v.object({ copied: v.number(), skipped: v.number(), mounted: v.number(), foreign: v.number() }),
  bytes: v.object({ copied: v.number(), skipped: v.number(), mounted: v.number() }),
  failed: v.array(v.object({ kind: v.string(), name: v.string(), reason: v.string() })),
  failures: v.number(),
});

export interface Copying {
  readonly pid: number;
  readonly ended: Promise<Said>;
  signal(signal: NodeJS.Signals): void;
}

interface Said {
  readonly code: number | null;
  readonly out: string;
  readonly errors: string;
}

export interface Copied extends Said {
  readonly report: v.InferOutput<typeof Report>;
}

export function startCopy(words: readonly string[], environment: Readonly<Record<string, string>> = {}): Copying {
  const program = [...NODE_FLAGS, join(ROOT, 'tools', 'copy', 'copy.ts'), ...words];
  const child = spawn(join(ROOT, 'node_modules', '.bin', 'node'), program, {
    env: { PATH: process.env['PATH'] ?? '', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = Promise.all([once(child, 'close'), text(child.stdout), text(child.stderr)]).then(
    ([, out, errors]): Said => ({ code: child.exitCode, out, errors: errors.replace(PROGRESS, '') }),
  );
  if (child.pid === undefined) throw new Error('the copy can not be started');
  return { pid: child.pid, ended, signal: (signal) => child.kill(signal) };
}

/** A whole run, with the report that it wrote. */
export async function copy(
  words: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Copied> {
  const folder = mkdtempSync(join(tmpdir(), 'berth-test-copy-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const file = join(folder, 'report.json');
  const said = await startCopy([...words, '--json', file], environment).ended;
  const written = readFileSync(file, 'utf8');
  expect(written, said.errors).not.toBe('');
  return { ...said, report: v.parse(Report, JSON.parse(written)) };
}

/** One that must leave nothing to complain of. */
export async function wellCopied(
  words: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Copied> {
  const copied = await copy(words, environment);
  expect({ code: copied.code, errors: copied.errors, failed: copied.report.failed }, copied.out).toEqual({
    code: 0,
    errors: '',
    failed: [],
  });
  return copied;
}
