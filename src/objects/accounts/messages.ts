/** What the front and the object of accounts say to each other. Secrets travel as their SHA-256 alone. */
import type { JWK } from 'jose';
import type { Limit } from '../../auth/principal.ts';
import type { SecretKind } from '../../auth/secret.ts';

/** What an isolate may believe for a minute. */
export interface AccessSnapshot {
  /** Whether there is an account or a robot, or ever was one: then an open loopback closes, and `/v2/` asks who comes. */
  readonly hasAccounts: boolean;
  /** The document that the admin API was given last, as JSON text. */
  readonly policy: { readonly version: number; readonly document: string } | undefined;
  /** Private, for the isolate to sign with. */
  readonly signingKey: { readonly kid: string; readonly jwk: JWK };
  /** Public, newest first: the signing key's own, those whose tokens may still live, and one that will sign soon. */
  readonly publicKeys: readonly { readonly kid: string; readonly jwk: JWK }[];
}

export type CredentialKind = SecretKind;

/** A credential that counts now: not revoked, not expired, its owner not deleted or disabled. */
export interface Credential {
  readonly id: string;
  readonly kind: CredentialKind;
  readonly owner:
    | {
        readonly kind: 'user';
        readonly name: string;
        readonly groups: readonly string[];
        readonly isAdministrator: boolean;
      }
    | { readonly kind: 'robot'; readonly name: string };
  /** Absent: all that the owner may. */
  readonly limit: Limit | undefined;
  /** In ms since the epoch. */
  readonly expiresAt: number | undefined;
  /** Whether it opens the admin API, where its owner is an administrator. */
  readonly opensAdmin: boolean;
  /** Of a refresh token: the one service that it is for. */
  readonly service: string | undefined;
  /**
   * What it was made with, and dies with: of a refresh token its password, of a token the token or htpasswd line that made
   * it. Whether a
   * parent `htpasswd:<name>:<fingerprint>` still stands there is for its reader to see.
   */
  readonly parent: string | undefined;
}

/** Whose tokens: an account's, or those that were made with the password of an htpasswd line. */
export type TokenOwnerKind = 'user' | 'htpasswd';

const HTPASSWD_PARENT = 'htpasswd:';

/** Whether it was made with an htpasswd line's password. */
export function isOfLine({ parent }: Pick<Credential, 'parent'>): boolean {
  return parent?.startsWith(HTPASSWD_PARENT) === true;
}

export interface NewRefresh {
  /** A credential's id, or `htpasswd:<name>:<fingerprint>`. */
  readonly parent: string;
  /** The name of the account, or of the htpasswd line. */
  readonly owner: string;
  readonly service: string;
  readonly secretHash: string;
}

/** `parent-gone`: it does not count any more, or is another owner's. */
export type MakeRefreshResult = { readonly kind: 'made'; readonly id: string } | { readonly kind: 'parent-gone' };

export type OwnerKind = 'user' | 'robot';

/** What the admin API shows of an account. Times are in ms since the epoch. */
export interface AccountView {
  readonly name: string;
  readonly groups: readonly string[];
  readonly isAdministrator: boolean;
  readonly isDisabled: boolean;
  readonly createdAt: number;
}

export interface RobotView {
  readonly name: string;
  readonly description: string;
  readonly limit: Limit;
  readonly isDisabled: boolean;
  readonly createdAt: number;
  /** Of its secret. */
  readonly expiresAt: number | undefined;
  readonly lastUsedDay: number | undefined;
}

/** A personal access token as its owner sees it. Days are counted since the epoch. */
export interface TokenView {
  readonly id: string;
  readonly description: string;
  readonly limit: Limit | undefined;
  readonly opensAdmin: boolean;
  readonly createdAt: number;
  readonly expiresAt: number | undefined;
  readonly lastUsedDay: number | undefined;
}

export interface NewAccount {
  readonly name: string;
  readonly groups: readonly string[];
  readonly isAdministrator: boolean;
  /** Of its password. */
  readonly secretHash: string;
}

export interface NewRobot {
  readonly name: string;
  readonly description: string;
  readonly limit: Limit;
  readonly secretHash: string;
  readonly expiresAt: number | undefined;
}

/** `retired`: somebody else had the name of late. `full`: there are as many as there may be. */
export type CreateResult<View> =
  | { readonly kind: 'created'; readonly view: View }
  | { readonly kind: 'exists' }
  | { readonly kind: 'retired'; readonly until: number }
  | { readonly kind: 'full'; readonly most: number };

/** What is absent stays as it is. */
export interface AccountChange {
  readonly groups?: readonly string[] | undefined;
  readonly isAdministrator?: boolean | undefined;
  readonly isDisabled?: boolean | undefined;
}

export interface RobotChange {
  readonly description?: string | undefined;
  readonly repositories?: Limit['repositories'] | undefined;
  readonly actions?: Limit['actions'] | undefined;
  readonly isDisabled?: boolean | undefined;
}

export interface NewToken {
  readonly owner: string;
  readonly description: string;
  readonly limit: Limit | undefined;
  readonly opensAdmin: boolean;
  readonly secretHash: string;
  readonly expiresAt: number | undefined;
  /** The credential with which its owner asks for it, or the mark of the htpasswd line; absent where an administrator does. */
  readonly madeWith: string | undefined;
}

/** `too-wide`: it would allow more than what it is asked for with. One that would live for longer ends with that. */
export type MakeTokenResult =
  | { readonly kind: 'made'; readonly token: TokenView }
  | { readonly kind: 'no-owner' }
  | { readonly kind: 'maker-gone' }
  | { readonly kind: 'too-wide'; readonly what: 'limit' | 'admin' }
  | { readonly kind: 'full'; readonly most: number };

export interface PolicyVersion {
  readonly version: number;
  readonly madeAt: number;
  readonly madeBy: string;
}

export interface StoredPolicy extends PolicyVersion {
  readonly document: string;
}

/** A version that the writer has seen. `any`: whatever is there; `none`: nothing. */
export type ExpectedVersion = number | 'any' | 'none';

export type PutPolicyResult =
  | { readonly kind: 'stored'; readonly version: number }
  | { readonly kind: 'conflict'; readonly current: number | undefined };

export type RotateResult =
  { readonly kind: 'rotated'; readonly kid: string; readonly signsFrom: number } | { readonly kind: 'too-many' };
