/**
 * All that may be true: most of the time one state, and several once the connection of a request that changes something
 * was cut, since what it asked for may have been done, may be done at any time from now on, or never. Every answer rules
 * out the worlds in which it would be wrong; when none is left, the registry is. Pure.
 */
import type { DeleteBlob, DeleteManifest, Operation, PutManifest, Twist } from './operation.ts';
import type { RawAnswer } from './raw-request.ts';
import { isOf } from './bytes.ts';
import { outcomes } from './rules.ts';
import type { World } from './rules.ts';
import { EMPTY, fingerprint, withBlob, withSession } from './state.ts';
import type { State } from './state.ts';
import { cutOff } from './upload-rules.ts';

/** What may still come of a request without an answer. */
type Pending =
  | PutManifest
  | DeleteManifest
  | DeleteBlob
  | { readonly kind: 'blob'; readonly repository: string; readonly digest: string; readonly bytes: Uint8Array };

interface Possibility {
  readonly state: State;
  readonly pending: readonly Pending[];
}

/** Each doubles the worlds and more. */
const MOST_PENDING = 3;
const MOST_WORLDS = 200;
const SHOWN_REASONS = 6;

export class Worlds {
  readonly #world: World;
  #possible: readonly Possibility[] = [{ state: EMPTY, pending: [] }];

  constructor(world: World) {
    this.#world = world;
  }

  /** One that may be true, to choose the next request by. */
  get state(): State {
    return this.#possible[0]?.state ?? EMPTY;
  }

  get states(): readonly State[] {
    return this.#possible.flatMap((one) => landings(one, this.#world).map(({ state }) => state));
  }

  get mayCut(): boolean {
    return (
      this.#possible.every(({ pending }) => pending.length < MOST_PENDING) && this.#possible.length < MOST_WORLDS / 10
    );
  }

  /** Why the answer is wrong in every world; undefined where it is right in one. */
  judge(operation: Operation, twist: Twist | undefined, answer: RawAnswer): string | undefined {
    const left: Possibility[] = [];
    const reasons = new Set<string>();
    for (const possibility of this.#possible) {
      for (const { state, pending } of landings(possibility, this.#world)) {
        for (const outcome of outcomes(state, operation, twist, this.#world)) {
          const problem = outcome.mismatch(answer);
          if (problem === undefined) left.push({ state: outcome.next, pending });
          else reasons.add(problem);
        }
      }
    }
    if (left.length === 0) return [...reasons].slice(0, SHOWN_REASONS).join('; or ');
    this.#possible = distinct(left);
    return undefined;
  }

  /** The connection was cut. `isWhole`: after the last byte of the request. */
  cut(operation: Operation, twist: Twist | undefined, isWhole: boolean): void {
    this.#possible = distinct(
      this.#possible.map(({ state, pending }) => {
        const refused =
          twist !== undefined && outcomes(state, operation, twist, this.#world).every(({ next }) => next === state);
        if (refused) return { state, pending };
        const more = isWhole ? pendingOf(state, operation) : undefined;
        return { state: withoutAnswer(state, operation), pending: more === undefined ? pending : [...pending, more] };
      }),
    );
  }

  /** Two requests write the session at once: from now on nobody knows what it has. */
  lose(session: number): void {
    this.#possible = this.#possible.map(({ state, pending }) => {
      const repository = state.sessions.get(session)?.repository ?? '';
      return { state: withSession(state, session, { repository, state: 'lost' }), pending };
    });
  }
}

function withoutAnswer(state: State, operation: Operation): State {
  const { kind } = operation;
  return kind === 'append' || kind === 'close' || kind === 'cancel' ? cutOff(state, operation) : state;
}

function pendingOf(state: State, operation: Operation): Pending | undefined {
  switch (operation.kind) {
    case 'put-manifest':
    case 'delete-manifest':
    case 'delete-blob':
      return operation;
    case 'open': {
      const { mount, whole, repository } = operation;
      if (mount !== undefined) return { kind: 'blob', repository, ...mount.blob };
      if (whole === undefined || !isOf(whole.digest, whole.body)) return undefined;
      return { kind: 'blob', repository, digest: whole.digest, bytes: whole.body };
    }
    case 'close': {
      const { repository, digest, whole } = operation;
      const session = state.sessions.get(operation.session);
      const mayClose = session?.repository === repository && session.state !== 'gone' && session.state !== 'done';
      return whole !== undefined && mayClose ? { kind: 'blob', repository, digest, bytes: whole } : undefined;
    }
    case 'append':
    case 'base':
    case 'cancel':
    case 'catalog':
    case 'get-blob':
    case 'get-manifest':
    case 'referrers':
    case 'status':
    case 'tags':
      return undefined;
  }
}

/** With none, some or all of what is pending done, in every order. */
function landings(possibility: Possibility, world: World): Possibility[] {
  const { state, pending } = possibility;
  return [
    possibility,
    ...pending.flatMap((one, index) => {
      const others = pending.filter((_, other) => other !== index);
      return land(state, one, world).flatMap((next) => landings({ state: next, pending: others }, world));
    }),
  ];
}

function land(state: State, pending: Pending, world: World): State[] {
  if (pending.kind === 'blob') return [withBlob(state, pending.repository, pending.digest, pending.bytes)];
  return outcomes(state, pending, undefined, world).map(({ next }) => next);
}

function distinct(possible: readonly Possibility[]): Possibility[] {
  if (possible.length <= 1) return [...possible];
  const keys = possible.map(({ state, pending }) => [fingerprint(state), ...pending.map(keyOf)].join('\n'));
  const found = [...new Map(possible.map((one, index) => [keys[index], one])).values()];
  if (found.length > MOST_WORLDS) throw new Error(`${String(found.length)} worlds are too many to go on`);
  return found;
}

function keyOf(pending: Pending): string {
  return JSON.stringify(pending, (_, value: unknown) => (value instanceof Uint8Array ? value.byteLength : value));
}
