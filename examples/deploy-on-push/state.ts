/** What is wanted and what runs, in one file, so that a crash or a restart of this program forgets nothing that it answered. */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { fieldOf } from './fields.ts';
import { checkedPush, type Push } from './pushes.ts';

export interface State {
  /** The newest push that came. */
  readonly wanted?: Push;
  /** What became of a push, by its id: the newest of which that is known. */
  readonly settled?: { readonly id: string; readonly outcome: Outcome };
  /** The name of the container that serves. */
  readonly running?: string;
}

export type Outcome = 'deployed' | 'did not come up';

/** Throws where the file is there and no state. */
export function readState(file: string): State {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {};
    throw error;
  }
  const state: unknown = JSON.parse(text);
  const wanted = checkedPush(fieldOf(state, 'wanted'));
  const [id, outcome] = [fieldOf(fieldOf(state, 'settled'), 'id'), fieldOf(fieldOf(state, 'settled'), 'outcome')];
  const running = fieldOf(state, 'running');
  const isSettled = typeof id === 'string' && (outcome === 'deployed' || outcome === 'did not come up');
  return {
    ...(wanted === undefined ? {} : { wanted }),
    ...(isSettled ? { settled: { id, outcome } } : {}),
    ...(typeof running === 'string' ? { running } : {}),
  };
}

/** On disk when it returns: the file is the one before or this one, never a half of it. */
export function writeState(file: string, state: State): void {
  const next = `${file}.next`;
  const handle = openSync(next, 'w', 0o600);
  try {
    writeFileSync(handle, JSON.stringify(state));
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(next, file);
}
