/** Tables of BlobDirectory: which object holds a digest's bytes, who claims it, and what must never come back. */
import { TASKS_SCHEMA } from '../tasks-schema.ts';

export const MIGRATIONS = [
  `
  CREATE TABLE blobs (
    digest TEXT PRIMARY KEY,
    store TEXT NOT NULL,
    key TEXT NOT NULL,
    size INTEGER NOT NULL,
    claims INTEGER NOT NULL,
    unclaimed_since INTEGER
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE claims (
    id TEXT PRIMARY KEY,
    digest TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;

  -- Keys that were doomed or disowned: never accepted again.
  CREATE TABLE tombstones (
    key TEXT PRIMARY KEY,
    until INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX tombstones_by_until ON tombstones (until);

  -- Claims that were released: refused if the claim itself arrives after its release.
  CREATE TABLE released (
    id TEXT PRIMARY KEY,
    until INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX released_by_until ON released (until);
  ${TASKS_SCHEMA}
  `,
] as const;
