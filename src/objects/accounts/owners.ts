/** Accounts and robots: the SQL of those who own credentials. A deleted name is not given again for a while. */
import * as v from 'valibot';
import type { Database, SqlValue } from '../database.ts';
import { DAY_MS, StoredGroups, storedLimit, type Credentials } from './credentials.ts';
import type {
  AccountChange,
  AccountView,
  CreateResult,
  NewAccount,
  NewRobot,
  OwnerKind,
  RobotChange,
  RobotView,
} from './messages.ts';

/** Of accounts, and of robots. */
const MOST_OWNERS = 10_000;
/** A policy, an image's history or somebody's memory may still mean the one who had the name. */
const NAME_RETIREMENT_MS = 90 * DAY_MS;

interface AccountRow extends Record<string, SqlValue> {
  name: string;
  group_names: string;
  is_administrator: number;
  is_disabled: number;
  created_at: number;
}

interface RobotRow extends Record<string, SqlValue> {
  name: string;
  description: string;
  bounds: string;
  is_disabled: number;
  created_at: number;
}

const TABLES: Readonly<Record<OwnerKind, string>> = { user: 'accounts', robot: 'robots' };

export class Owners {
  readonly #database: Database;
  readonly #credentials: Credentials;

  constructor(database: Database, credentials: Credentials) {
    this.#database = database;
    this.#credentials = credentials;
  }

  /** Whether there ever was an account or a robot. */
  everAny(): boolean {
    return this.#database.first('SELECT since FROM asks_who') !== undefined;
  }

  accounts(after: string, limit: number): AccountView[] {
    return this.#database
      .all<AccountRow>('SELECT * FROM accounts WHERE name > ? ORDER BY name LIMIT ?', after, limit)
      .map(accountView);
  }

  account(name: string): AccountView | undefined {
    const row = this.#database.first<AccountRow>('SELECT * FROM accounts WHERE name = ?', name);
    return row && accountView(row);
  }

  createAccount({ name, groups, isAdministrator, secretHash }: NewAccount, now: number): CreateResult<AccountView> {
    return this.#create('user', name, now, () => {
      const values = [name, JSON.stringify(groups), isAdministrator ? 1 : 0, 0, now];
      this.#database.run('INSERT INTO accounts VALUES (?, ?, ?, ?, ?)', ...values);
      this.#credentials.add({ kind: 'password', ownerKind: 'user', owner: name, secretHash }, now);
      return { name, groups, isAdministrator, isDisabled: false, createdAt: now };
    });
  }

  /** Whoever is disabled signs in anew afterwards, and whoever is no administrator any more marks tokens anew. */
  changeAccount(name: string, change: AccountChange): AccountView | undefined {
    return this.#database.transaction(() => {
      const found = this.account(name);
      if (found === undefined) return undefined;
      const view: AccountView = {
        ...found,
        groups: change.groups ?? found.groups,
        isAdministrator: change.isAdministrator ?? found.isAdministrator,
        isDisabled: change.isDisabled ?? found.isDisabled,
      };
      this.#database.run(
        'UPDATE accounts SET group_names = ?, is_administrator = ?, is_disabled = ? WHERE name = ?',
        ...[JSON.stringify(view.groups), view.isAdministrator ? 1 : 0, view.isDisabled ? 1 : 0, name],
      );
      if (view.isDisabled) this.#credentials.revokeKind('user', name, 'refresh');
      if (!view.isAdministrator) this.#credentials.closeAdmin(name);
      return view;
    });
  }

  /** The old password goes, and every refresh token that was got for it. False where there is no such account. */
  renewPassword(name: string, secretHash: string, now: number): boolean {
    return this.#database.transaction(() => {
      if (this.account(name) === undefined) return false;
      this.#credentials.revokeKind('user', name, 'password');
      this.#credentials.add({ kind: 'password', ownerKind: 'user', owner: name, secretHash }, now);
      return true;
    });
  }

  robots(after: string, limit: number): RobotView[] {
    return this.#database
      .all<RobotRow>('SELECT * FROM robots WHERE name > ? ORDER BY name LIMIT ?', after, limit)
      .map((row) => this.#robotView(row));
  }

  robot(name: string): RobotView | undefined {
    const row = this.#database.first<RobotRow>('SELECT * FROM robots WHERE name = ?', name);
    return row && this.#robotView(row);
  }

  createRobot({ name, description, limit, secretHash, expiresAt }: NewRobot, now: number): CreateResult<RobotView> {
    return this.#create('robot', name, now, () => {
      const values = [name, description, JSON.stringify(limit), 0, now];
      this.#database.run('INSERT INTO robots VALUES (?, ?, ?, ?, ?)', ...values);
      this.#credentials.add({ kind: 'robot', ownerKind: 'robot', owner: name, secretHash, expiresAt }, now);
      return { name, description, limit, isDisabled: false, createdAt: now, expiresAt, lastUsedDay: undefined };
    });
  }

  changeRobot(name: string, change: RobotChange): RobotView | undefined {
    return this.#database.transaction(() => {
      const found = this.robot(name);
      if (found === undefined) return undefined;
      const view: RobotView = {
        ...found,
        description: change.description ?? found.description,
        limit: {
          repositories: change.repositories ?? found.limit.repositories,
          actions: change.actions ?? found.limit.actions,
        },
        isDisabled: change.isDisabled ?? found.isDisabled,
      };
      this.#database.run(
        'UPDATE robots SET description = ?, bounds = ?, is_disabled = ? WHERE name = ?',
        ...[view.description, JSON.stringify(view.limit), view.isDisabled ? 1 : 0, name],
      );
      return view;
    });
  }

  renewRobot(name: string, secretHash: string, expiresAt: number | undefined, now: number): RobotView | undefined {
    return this.#database.transaction(() => {
      if (this.robot(name) === undefined) return undefined;
      this.#credentials.revokeKind('robot', name, 'robot');
      this.#credentials.add({ kind: 'robot', ownerKind: 'robot', owner: name, secretHash, expiresAt }, now);
      return this.robot(name);
    });
  }

  /** With every credential. False where there is none of that name. */
  remove(kind: OwnerKind, name: string, now: number): boolean {
    return this.#database.transaction(() => {
      if (this.#database.run(`DELETE FROM ${TABLES[kind]} WHERE name = ?`, name) === 0) return false;
      this.#credentials.revokeAll(kind, name);
      const retire = 'INSERT OR REPLACE INTO retired_names (kind, name, until) VALUES (?, ?, ?)';
      this.#database.run(retire, kind, name, now + NAME_RETIREMENT_MS);
      return true;
    });
  }

  #create<View>(kind: OwnerKind, name: string, now: number, insert: () => View): CreateResult<View> {
    return this.#database.transaction((): CreateResult<View> => {
      this.#database.run('DELETE FROM retired_names WHERE until <= ?', now);
      const table = TABLES[kind];
      if (this.#database.first(`SELECT 1 FROM ${table} WHERE name = ?`, name) !== undefined) return { kind: 'exists' };
      const retired = 'SELECT until FROM retired_names WHERE kind = ? AND name = ?';
      const until = this.#database.first<{ until: number }>(retired, kind, name)?.until;
      if (until !== undefined) return { kind: 'retired', until };
      const count = this.#database.first<{ count: number }>(`SELECT count(*) AS count FROM ${table}`)?.count ?? 0;
      if (count >= MOST_OWNERS) return { kind: 'full', most: MOST_OWNERS };
      this.#database.run('INSERT INTO asks_who SELECT ? WHERE NOT EXISTS (SELECT 1 FROM asks_who)', now);
      return { kind: 'created', view: insert() };
    });
  }

  #robotView(row: RobotRow): RobotView {
    return {
      name: row.name,
      description: row.description,
      limit: storedLimit(row.bounds),
      isDisabled: row.is_disabled === 1,
      createdAt: row.created_at,
      ...this.#credentials.robotSecret(row.name),
    };
  }
}

function accountView(row: AccountRow): AccountView {
  return {
    name: row.name,
    groups: v.parse(StoredGroups, row.group_names),
    isAdministrator: row.is_administrator === 1,
    isDisabled: row.is_disabled === 1,
    createdAt: row.created_at,
  };
}
