/** Tables of Endpoint: what it is, how far it has read, and what it has to try again. */
import { TASKS_SCHEMA } from '../tasks-schema.ts';

export const MIGRATIONS = [
  `
  -- One row. The document is JSON as the admin API was given it, but for secrets, which are encrypted; null: the setting
  -- BERTH_ENDPOINTS has it. An endpoint that was removed and made anew reads the log from another cursor on ("since").
  CREATE TABLE endpoint (
    name TEXT NOT NULL,
    document TEXT,
    since INTEGER NOT NULL,
    -- The order in which what waits was begun: another one counts once nothing waits.
    ordering TEXT NOT NULL DEFAULT 'any',
    -- Whether nothing is sent; and the address that wanted no more, if that is why.
    disabled INTEGER NOT NULL DEFAULT 0,
    refused_url TEXT,
    -- How often the receiver has failed in a row, and until when it is left alone.
    failures INTEGER NOT NULL DEFAULT 0,
    opens_again_at INTEGER,
    delivered INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0
  ) STRICT;

  -- Parts of the log that are still to be read: number 0 is what is new, the others are replays, which end.
  CREATE TABLE readings (
    number INTEGER PRIMARY KEY,
    cursor INTEGER NOT NULL,
    until INTEGER
  ) STRICT;

  -- What was tried in vain, or waits for an earlier event of its repository (due is null then). The members are cursors
  -- of one request's events, as JSON; the events themselves are in the log.
  CREATE TABLE waiting (
    id TEXT PRIMARY KEY,
    first INTEGER NOT NULL,
    members TEXT NOT NULL,
    repository TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    begun_at INTEGER NOT NULL,
    due INTEGER,
    -- Whether it is under way, so that due is when it counts as lost.
    leased INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX waiting_by_due ON waiting (due);
  CREATE INDEX waiting_by_repository ON waiting (repository, first);

  -- The last attempts.
  CREATE TABLE attempts (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    at INTEGER NOT NULL,
    status INTEGER,
    duration_ms INTEGER NOT NULL,
    answer TEXT NOT NULL,
    next_at INTEGER
  ) STRICT;

  -- What was given up: the events of these cursors, both ends included, that the endpoint wants.
  CREATE TABLE dead_letters (
    number INTEGER PRIMARY KEY,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    event TEXT,
    at INTEGER NOT NULL,
    reason TEXT NOT NULL
  ) STRICT;
  ${TASKS_SCHEMA}
  `,
  `
  -- What each told of: its first event, and how many they were; null in a row of a release before.
  ALTER TABLE attempts ADD COLUMN kind TEXT;
  ALTER TABLE attempts ADD COLUMN repository TEXT;
  ALTER TABLE attempts ADD COLUMN tag TEXT;
  ALTER TABLE attempts ADD COLUMN events INTEGER;
  `,
] as const;
