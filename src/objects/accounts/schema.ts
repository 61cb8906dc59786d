/** Tables of Accounts. A secret is never in them: its SHA-256 is. */
export const MIGRATIONS = [
  `
  CREATE TABLE accounts (
    name TEXT PRIMARY KEY,
    group_names TEXT NOT NULL,
    is_administrator INTEGER NOT NULL,
    is_disabled INTEGER NOT NULL,
    created_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE robots (
    name TEXT PRIMARY KEY,
    description TEXT NOT NULL,
    bounds TEXT NOT NULL,
    is_disabled INTEGER NOT NULL,
    created_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE credentials (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    owner_kind TEXT NOT NULL,
    owner TEXT NOT NULL,
    secret_hash TEXT NOT NULL UNIQUE,
    parent TEXT,
    service TEXT,
    description TEXT NOT NULL,
    bounds TEXT,
    opens_admin INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    used_day INTEGER
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX credentials_by_owner ON credentials (owner_kind, owner, kind, created_at, id);
  CREATE INDEX credentials_by_parent ON credentials (parent) WHERE parent IS NOT NULL;
  CREATE INDEX credentials_by_expiry ON credentials (expires_at) WHERE expires_at IS NOT NULL;

  CREATE TABLE retired_names (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (kind, name)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX retired_names_by_until ON retired_names (until);

  CREATE TABLE signing_keys (
    kid TEXT PRIMARY KEY,
    private_key TEXT NOT NULL,
    signs_from INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE policies (
    version INTEGER PRIMARY KEY,
    document TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    made_by TEXT NOT NULL
  ) STRICT;
  `,
  `
  -- One row since there was an account or a robot for the first time. It stays: deleting the last one opens nothing.
  -- Some stores of the first version have it already.
  CREATE TABLE IF NOT EXISTS asks_who (
    since INTEGER PRIMARY KEY
  ) STRICT;
  INSERT INTO asks_who
    SELECT min(created_at) FROM (SELECT created_at FROM accounts UNION ALL SELECT created_at FROM robots)
    WHERE NOT EXISTS (SELECT 1 FROM asks_who)
    HAVING count(*) > 0;
  `,
] as const;
