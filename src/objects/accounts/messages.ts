/** What the front and the object of accounts say to each other. Secrets travel as their SHA-256 alone, but when they are made. */
import type { Action } from '../../auth/principal.ts';

/** What an isolate may believe for a minute. */
export interface AccessSnapshot {
  /** Whether there is an account or a robot: then an open loopback closes, and `/v2/` asks who comes. */
  readonly hasAccounts: boolean;
  /** The document that the admin API was given last, as JSON text. */
  readonly policy: { readonly version: number; readonly document: string } | undefined;
  /** Private, for the isolate to sign with. */
  readonly signingKey: { readonly kid: string; readonly jwk: JsonWebKey };
  /** Public, newest first: the signing key's own, and those whose tokens may still live. */
  readonly publicKeys: readonly { readonly kid: string; readonly jwk: JsonWebKey }[];
}

/**
 * `password`: what an account signs in with, made by Berth. `token`: a personal access token. `robot`: a robot's secret.
 * `refresh`: what a client got for a password at the token endpoint.
 */
export type CredentialKind = 'password' | 'token' | 'robot' | 'refresh';

/** A credential that counts now: not revoked, not expired, its owner not deleted or disabled. */
export interface Credential {
  readonly id: string;
  readonly kind: CredentialKind;
  readonly owner:
    | { readonly kind: 'user'; readonly name: string; readonly groups: readonly string[]; readonly isAdministrator: boolean }
    | { readonly kind: 'robot'; readonly name: string };
  /** Absent: all that the owner may. */
  readonly limit: { readonly repositories: readonly string[]; readonly actions: readonly Action[] } | undefined;
  /** In ms since the epoch. */
  readonly expiresAt: number | undefined;
  /** Whether it opens the admin API, where its owner is an administrator. */
  readonly opensAdmin: boolean;
  /** Of a refresh token: the one service that it is for. */
  readonly service: string | undefined;
}
