/** The table of keys that an object owns (attempts.ts), for the schemas of `Upload` and `Repository`. */
export const ATTEMPTS_SCHEMA = `
  -- Keys that this object owns: writes under way, and what is left to delete.
  CREATE TABLE attempts (
    key TEXT PRIMARY KEY,
    multipart TEXT,
    digest TEXT,
    size INTEGER,
    lease_until INTEGER NOT NULL,
    looks INTEGER NOT NULL DEFAULT 0,
    offered INTEGER NOT NULL DEFAULT 0
  ) STRICT, WITHOUT ROWID;
`;
