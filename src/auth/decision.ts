/** What is asked of a policy, and what it answers. */
import type { Action } from './principal.ts';

/**
 * What a route needs. `ping` is the API's base, which tells nothing but that the caller may come in; `catalog` is the list
 * of repositories, of which a caller sees those that it may pull.
 */
export type Right = 'ping' | 'catalog' | Action;

/** Of a request, beside who sends it. */
export interface Circumstances {
  /** The client's address, where it is known for sure (http/client-address.ts). */
  readonly address: string | undefined;
  /** What the log knows its address by, where nothing is known for sure. */
  readonly connection?: number | undefined;
  /** In ms since the epoch. */
  readonly now: number;
}

/** Which tags a push may move: any of them, or those alone that a pattern of tags exempts. New tags may always be given. */
export type Moves = 'any' | { readonly exempt: readonly string[] };

export interface Allowed {
  readonly allowed: true;
  /** The rule that decided, for the log. */
  readonly rule: string;
  readonly moves: Moves;
}

/**
 * `policy`: the rules, or the limits of the credential, refuse this caller. `scope`: they would not, but the token that was
 * sent is too narrow, and another one helps.
 */
export interface Refused {
  readonly allowed: false;
  readonly rule: string;
  /** For the person who is refused. */
  readonly message: string;
  readonly reason: 'policy' | 'scope';
}

export type Decision = Allowed | Refused;
