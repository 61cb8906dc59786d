/**
 * Who sent a request, as far as that can be told. Each kind is its own: a name that comes from outside can never equal
 * one of Berth's.
 */

import type { Claims } from './claims.ts';

/** What a repository can be used for. `*` in a document or scope stands for all three. */
export const ACTIONS = ['pull', 'push', 'delete'] as const;
export type Action = (typeof ACTIONS)[number];

/** A part of what a principal may do. */
export interface Limit {
  /** Patterns of repositories (see patterns.ts). */
  readonly repositories: readonly string[];
  readonly actions: readonly Action[];
}

/** What a token of the token endpoint carries for one repository: just what was asked for and granted. */
interface Grant {
  readonly repository: string;
  readonly actions: readonly Action[];
}

/** Only a part of what the policy allows: all of `limits` have to allow it, and one of `grants` where there are any. */
interface Narrowed {
  readonly limits: readonly Limit[];
  /** Absent where the request carries no token of the token endpoint. */
  readonly scope?: { readonly grants: readonly Grant[]; readonly catalog: boolean };
}

/** A job, as an issuer that is trusted tells of it: `name` is the trust's and what tells its jobs apart. */
export interface Workload extends Narrowed {
  readonly kind: 'workload';
  readonly name: string;
  readonly trust: string;
  readonly issuer: string;
  readonly claims: Claims;
  readonly groups: readonly string[];
  /** What its credential was asked for, where it was for less than everything: one of them has to allow it. */
  readonly parts?: readonly Limit[] | undefined;
}

export type Principal =
  | ({
      readonly kind: 'anonymous';
      /** Where loopback is open, what kept the caller from being local: `host`, or the header that tells. */
      readonly notLocal?: string;
    } & Pick<Narrowed, 'scope'>)
  /** Provably somebody on the machine that an open-on-loopback registry runs on. */
  | { readonly kind: 'local' }
  | ({ readonly kind: 'user'; readonly name: string; readonly groups: readonly string[] } & Narrowed)
  | ({ readonly kind: 'robot'; readonly name: string } & Narrowed)
  /** Whom an outside token server vouches for. The name is that server's own, of which there is one at a time. */
  | ({ readonly kind: 'outside'; readonly name: string } & Narrowed)
  /** Whom the proxy in front has verified, in its own list of people. */
  | ({ readonly kind: 'proxy'; readonly name: string } & Narrowed)
  | Workload;

/** As it stands in a session's owner and in the log: `user:alice`. */
export function principalName(principal: Principal): string {
  return 'name' in principal ? `${principal.kind}:${principal.name}` : principal.kind;
}
