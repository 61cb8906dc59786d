/** `npm run doctor` as a process of its own, and what it found. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import * as v from 'valibot';

const ROOT = join(import.meta.dirname, '..', '..', '..');

const Report = v.object({
  ok: v.boolean(),
  repository: v.string(),
  checks: v.array(
    v.object({
      check: v.string(),
      status: v.picklist(['ok', 'failed', 'skipped']),
      durationMs: v.number(),
      message: v.string(),
      advice: v.optional(v.string()),
      note: v.optional(v.string()),
    }),
  ),
});
type Check = v.InferOutput<typeof Report>['checks'][number];

export interface Examined {
  readonly code: number | null;
  readonly repository: string;
  /** By their names. */
  readonly checks: Readonly<Record<string, Check>>;
  /** The names of those that failed. */
  readonly failed: readonly string[];
}

export interface Said {
  readonly code: number | null;
  readonly out: string;
  readonly errors: string;
}

export async function doctor(
  words: readonly string[],
  {
    password,
    stdin,
    stop,
  }: { readonly password?: string; readonly stdin?: string; readonly stop?: Promise<unknown> } = {},
): Promise<Said> {
  const program = join(ROOT, 'tools', 'doctor', 'doctor.ts');
  const child = spawn(join(ROOT, 'node_modules', '.bin', 'node'), [program, ...words], {
    env: { PATH: process.env['PATH'] ?? '', ...(password === undefined ? {} : { BERTH_PASSWORD: password }) },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin.end(stdin ?? '');
  void stop?.then(() => child.kill('SIGTERM'));
  const [, out, errors] = await Promise.all([once(child, 'close'), text(child.stdout), text(child.stderr)]);
  return { code: child.exitCode, out, errors };
}

export async function examined(words: readonly string[], how: { readonly password?: string } = {}): Promise<Examined> {
  const { code, out, errors } = await doctor([...words, '--json'], how);
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), Report), out);
  if (!parsed.success) throw new Error(`there is no report:\n${out}\n${errors}`);
  const { checks, repository } = parsed.output;
  return {
    code,
    repository,
    checks: Object.fromEntries(checks.map((check) => [check.check, check])),
    failed: checks.filter(({ status }) => status === 'failed').map(({ check }) => check),
  };
}
