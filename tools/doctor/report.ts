/** What an examination prints: a line a check for people, or one JSON object for programs. Pure. */
import { styleText } from 'node:util';
import { harmless } from '../../standalone/harmless.ts';
import { count } from '../../standalone/maintenance/progress.ts';
import { CHECKS, type Checked, type CheckName } from './examination.ts';

const STATUS_WIDTH = 'skipped'.length;
const NAME_WIDTH = Math.max(...CHECKS.map((name) => name.length));
const DURATION_WIDTH = '99999 ms'.length;
const STYLES = { ok: 'green', failed: 'red', skipped: 'dim' } as const;

/** `failed   body-limit    812 ms  an upload of 2.0 MB … is refused with 413. Set client_max_body_size 0 …` */
export function describeCheck({ check, verdict, durationMs }: Checked, colour: boolean): string {
  const status = verdict.status.padEnd(STATUS_WIDTH);
  const shown = colour ? styleText(STYLES[verdict.status], status, { validateStream: false }) : status;
  const more = verdict.status === 'failed' ? verdict.advice : verdict.status === 'ok' ? verdict.note : undefined;
  const text = more === undefined ? verdict.message : `${verdict.message.replace(/\.+$/, '')}. ${more}`;
  return `${shown}  ${check.padEnd(NAME_WIDTH)}  ${`${String(durationMs)} ms`.padStart(DURATION_WIDTH)}  ${harmless(text)}`;
}

export function describeEnd(checked: readonly Checked[]): string {
  const failures = checked.filter(({ verdict }) => verdict.status === 'failed').length;
  if (failures > 0) return `${count(failures, 'check')} failed.`;
  const left = checked.filter(({ verdict }) => verdict.status === 'skipped').length;
  return left === 0 ? 'All is well.' : `All is well, as far as was looked: ${count(left, 'check')} skipped.`;
}

/** Fields are added and never change their meaning. */
export interface Report {
  readonly url: string;
  readonly startedAt: string;
  readonly ok: boolean;
  readonly repository: string;
  readonly checks: readonly {
    readonly check: CheckName;
    readonly status: 'ok' | 'failed' | 'skipped';
    readonly durationMs: number;
    readonly message: string;
    /** Of a failure: what to do. */
    readonly advice?: string;
    readonly note?: string;
  }[];
}

export function reportOf(
  { url, startedAt, repository }: { readonly url: URL; readonly startedAt: Date; readonly repository: string },
  checked: readonly Checked[],
): Report {
  return {
    url: url.origin,
    startedAt: startedAt.toISOString(),
    ok: checked.every(({ verdict }) => verdict.status !== 'failed'),
    repository,
    checks: checked.map(({ check, verdict, durationMs }) => ({ check, durationMs, ...verdict })),
  };
}
