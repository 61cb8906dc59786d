/**
 * Credentials: the SQL that finds, makes and ends them. What one was made with is its parent, and no credential outlives
 * its parent: it ends no later, and goes with it.
 */
import * as v from 'valibot';
import { LimitSchema } from '../../auth/limit.ts';
import type { Limit } from '../../auth/principal.ts';
import type { Database, SqlValue } from '../database.ts';
import {
  isOfLine,
  type Credential,
  type CredentialKind,
  type NewRefresh,
  type OwnerKind,
  type TokenOwnerKind,
  type TokenView,
} from './messages.ts';

export const DAY_MS = 86_400_000;
const REFRESH_LIFETIME_MS = 90 * DAY_MS;
/** Of an account, or an htpasswd line: docker makes one at each login. The oldest goes. */
const MOST_REFRESH_TOKENS = 100;
export const MOST_TOKENS = 100;
/** Of what has expired, dropped at one write. */
const DROPPED_AT_ONCE = 1_000;

/** `htpasswd`: of what was made with the password of a line of a file, and no account's. */
type RowOwnerKind = OwnerKind | 'htpasswd';

interface FoundRow extends Record<string, SqlValue> {
  id: string;
  kind: string;
  owner_kind: string;
  owner: string;
  parent: string | null;
  service: string | null;
  bounds: string | null;
  opens_admin: number;
  expires_at: number | null;
  used_day: number | null;
  group_names: string | null;
  is_administrator: number | null;
}

interface TokenRow extends Record<string, SqlValue> {
  id: string;
  description: string;
  bounds: string | null;
  opens_admin: number;
  created_at: number;
  expires_at: number | null;
  used_day: number | null;
}

export interface NewCredential {
  readonly kind: CredentialKind;
  readonly ownerKind: RowOwnerKind;
  readonly owner: string;
  readonly secretHash: string;
  readonly parent?: string | undefined;
  readonly service?: string | undefined;
  readonly description?: string | undefined;
  readonly limit?: Limit | undefined;
  readonly opensAdmin?: boolean | undefined;
  readonly expiresAt?: number | undefined;
}

const Kind = v.picklist(['password', 'token', 'robot', 'refresh']);
const StoredLimit = v.pipe(v.string(), v.parseJson(), LimitSchema);
export const StoredGroups = v.pipe(v.string(), v.parseJson(), v.array(v.string()));

/** With what its owner is now. The owner has to be there and not disabled, unless it is a line of htpasswd. */
const FIND = `
  SELECT c.id, c.kind, c.owner_kind, c.owner, c.parent, c.service, coalesce(r.bounds, c.bounds) AS bounds, c.opens_admin,
    c.expires_at, c.used_day, a.group_names, a.is_administrator
  FROM credentials c
  LEFT JOIN accounts a ON c.owner_kind = 'user' AND a.name = c.owner AND a.is_disabled = 0
  LEFT JOIN robots r ON c.owner_kind = 'robot' AND r.name = c.owner AND r.is_disabled = 0
  WHERE (c.expires_at IS NULL OR c.expires_at > ?)
    AND (c.owner_kind = 'htpasswd' OR a.name IS NOT NULL OR r.name IS NOT NULL)`;

/** A credential and all that was made with it, and with that. */
const FAMILY = `
  WITH RECURSIVE family (id) AS (
    SELECT id FROM credentials WHERE id = ?
    UNION SELECT c.id FROM credentials c JOIN family f ON c.parent = f.id
  ) DELETE FROM credentials WHERE id IN (SELECT id FROM family)`;

const TOKEN_COLUMNS = 'id, description, bounds, opens_admin, created_at, expires_at, used_day';

export class Credentials {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  findBySecret(secretHash: string, now: number): Credential | undefined {
    return this.#found(this.#database.first<FoundRow>(`${FIND} AND c.secret_hash = ?`, now, secretHash), now);
  }

  findById(id: string, now: number): Credential | undefined {
    return this.#found(this.#database.first<FoundRow>(`${FIND} AND c.id = ?`, now, id), now);
  }

  /** Whoever finds it uses it. The day is written once, so that only the first request of a day writes. */
  #found(row: FoundRow | undefined, now: number): Credential | undefined {
    if (row === undefined) return undefined;
    const day = Math.floor(now / DAY_MS);
    if (row.used_day === null || row.used_day < day) {
      this.#database.run('UPDATE credentials SET used_day = ? WHERE id = ?', day, row.id);
    }
    return {
      id: row.id,
      kind: v.parse(Kind, row.kind),
      owner:
        row.owner_kind === 'robot'
          ? { kind: 'robot', name: row.owner }
          : {
              kind: 'user',
              name: row.owner,
              groups: row.group_names === null ? [] : v.parse(StoredGroups, row.group_names),
              isAdministrator: row.is_administrator === 1,
            },
      limit: limitOf(row.bounds),
      expiresAt: row.expires_at ?? undefined,
      opensAdmin: row.opens_admin === 1,
      service: row.service ?? undefined,
      parent: row.parent ?? undefined,
    };
  }

  add(given: NewCredential, now: number): string {
    this.#dropExpired(now);
    const id = crypto.randomUUID();
    this.#database.run(
      `INSERT INTO credentials (id, kind, owner_kind, owner, secret_hash, parent, service, description, bounds, opens_admin,
         created_at, expires_at, used_day) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)`,
      ...[id, given.kind, given.ownerKind, given.owner, given.secretHash, given.parent ?? null, given.service ?? null],
      ...[given.description ?? '', given.limit === undefined ? null : JSON.stringify(given.limit)],
      ...[given.opensAdmin === true ? 1 : 0, now, given.expiresAt ?? null],
    );
    return id;
  }

  /** `undefined` where the parent does not count any more, or is another's. */
  addRefresh({ parent, owner, service, secretHash }: NewRefresh, now: number): string | undefined {
    const isHtpasswd = isOfLine({ parent });
    const maker = isHtpasswd ? undefined : this.findById(parent, now);
    if (!isHtpasswd && (maker?.owner.kind !== 'user' || maker.owner.name !== owner)) return undefined;
    const ownerKind = isHtpasswd ? 'htpasswd' : 'user';
    const expiresAt = Math.min(now + REFRESH_LIFETIME_MS, maker?.expiresAt ?? Infinity);
    const id = this.add(
      { kind: 'refresh', ownerKind, owner, secretHash, parent, service, limit: maker?.limit, expiresAt },
      now,
    );
    // The newest is not the one that goes, though others were made in the same millisecond.
    this.#database.run(
      `DELETE FROM credentials WHERE id IN (SELECT id FROM credentials
         WHERE owner_kind = ? AND owner = ? AND kind = 'refresh' AND id <> ? ORDER BY created_at DESC LIMIT -1 OFFSET ?)`,
      ...[ownerKind, owner, id, MOST_REFRESH_TOKENS - 1],
    );
    return id;
  }

  /** The tokens of an account or line, newest first. `within`: of those only one, and what was made with it or with the line. */
  tokens(owner: string, within: string | undefined, now: number, ownerKind: TokenOwnerKind = 'user'): TokenView[] {
    const scope = within === undefined ? '' : 'AND ? IN (id, parent)';
    const rows = this.#database.all<TokenRow>(
      `SELECT ${TOKEN_COLUMNS} FROM credentials WHERE owner_kind = ? AND owner = ? AND kind = 'token'
         AND (expires_at IS NULL OR expires_at > ?) ${scope} ORDER BY created_at DESC, id`,
      ...[ownerKind, owner, now, ...(within === undefined ? [] : [within])],
    );
    return rows.map(tokenView);
  }

  /** A robot's secret, or what stands of it. */
  robotSecret(name: string): { expiresAt: number | undefined; lastUsedDay: number | undefined } {
    const row = this.#database.first<{ expires_at: number | null; used_day: number | null }>(
      "SELECT expires_at, used_day FROM credentials WHERE owner_kind = 'robot' AND owner = ? AND kind = 'robot'",
      name,
    );
    return { expiresAt: row?.expires_at ?? undefined, lastUsedDay: row?.used_day ?? undefined };
  }

  /** With all that was made with it. */
  revoke(id: string): void {
    this.#database.run(FAMILY, id);
  }

  /** Every credential of one kind, with all that was made with it. */
  revokeKind(ownerKind: OwnerKind, owner: string, kind: CredentialKind): void {
    const select = 'SELECT id FROM credentials WHERE owner_kind = ? AND owner = ? AND kind = ?';
    for (const { id } of this.#database.all<{ id: string }>(select, ownerKind, owner, kind)) this.revoke(id);
  }

  revokeAll(ownerKind: OwnerKind, owner: string): void {
    this.#database.run('DELETE FROM credentials WHERE owner_kind = ? AND owner = ?', ownerKind, owner);
  }

  /** Tokens of a line that is gone, or had another password. */
  dropDeadTokens(owner: string, mark: string): void {
    this.#database.run(
      "DELETE FROM credentials WHERE owner_kind = 'htpasswd' AND owner = ? AND kind = 'token' AND parent <> ?",
      owner,
      mark,
    );
  }

  /** A token that once opened the admin API must not do so again when its owner becomes an administrator another time. */
  closeAdmin(owner: string): void {
    this.#database.run("UPDATE credentials SET opens_admin = 0 WHERE owner_kind = 'user' AND owner = ?", owner);
  }

  /** What is made with another ends no later, so nothing that still counts loses its parent here. */
  #dropExpired(now: number): void {
    this.#database.run(
      'DELETE FROM credentials WHERE id IN (SELECT id FROM credentials WHERE expires_at <= ? LIMIT ?)',
      now,
      DROPPED_AT_ONCE,
    );
  }
}

function tokenView(row: TokenRow): TokenView {
  return {
    id: row.id,
    description: row.description,
    limit: limitOf(row.bounds),
    opensAdmin: row.opens_admin === 1,
    createdAt: row.created_at,
    expiresAt: row.expires_at ?? undefined,
    lastUsedDay: row.used_day ?? undefined,
  };
}

function limitOf(bounds: string | null): Limit | undefined {
  return bounds === null ? undefined : v.parse(StoredLimit, bounds);
}

export function storedLimit(bounds: string): Limit {
  return v.parse(StoredLimit, bounds);
}
