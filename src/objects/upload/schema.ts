/** Tables of Upload: one session's journal. docs/storage.md draws the states. */
import { ATTEMPTS_SCHEMA } from '../attempts-schema.ts';
import { TASKS_SCHEMA } from '../tasks-schema.ts';

export const MIGRATIONS = [
  `
  -- One row. open → storing → stored → done; gone when it expired or was cancelled and only clean-up is left.
  CREATE TABLE session (
    repository TEXT NOT NULL,
    principal TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'open',
    -- Grows when a writer takes over, so that the old one's commits come to nothing.
    epoch INTEGER NOT NULL DEFAULT 0,
    -- Bytes that are safe: stored parts in a row, and the tail.
    committed INTEGER NOT NULL DEFAULT 0,
    -- Hash of those bytes in hex, or NULL where the running hash was lost.
    hashed TEXT,
    part_size INTEGER,
    -- The object of a session that writes parts, or of a stored one.
    key TEXT,
    multipart TEXT,
    digest TEXT,
    size INTEGER
  ) STRICT;

  CREATE TABLE parts (
    number INTEGER PRIMARY KEY,
    size INTEGER NOT NULL,
    receipt TEXT NOT NULL
  ) STRICT;

  -- What is not yet a whole part, in pieces below the row limit.
  CREATE TABLE tail (
    id INTEGER PRIMARY KEY,
    bytes BLOB NOT NULL
  ) STRICT;

  ${ATTEMPTS_SCHEMA}
  ${TASKS_SCHEMA}
  `,
  `
  -- Bytes that the session had before it came here, in an object of the repository's, until all of them are taken over.
  ALTER TABLE session ADD COLUMN kept_key TEXT;
  ALTER TABLE session ADD COLUMN kept_size INTEGER;
  `,
  `
  -- What the bytes are hashed with as they come.
  ALTER TABLE session ADD COLUMN algorithm TEXT NOT NULL DEFAULT 'sha256';
  `,
] as const;
