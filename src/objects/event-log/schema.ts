/** Tables of EventLog: the events in one order, how far each repository has come, and who reads them. */
import { TASKS_SCHEMA } from '../tasks-schema.ts';

export const MIGRATIONS = [
  `
  -- The log. AUTOINCREMENT: a cursor is never used twice, also when the last events have been dropped.
  CREATE TABLE events (
    cursor INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    appended_at INTEGER NOT NULL,
    body TEXT NOT NULL
  ) STRICT;
  CREATE INDEX events_by_age ON events (appended_at);

  -- The number of the last event of a repository that is in the log. They outlive the events themselves. "gap": the one of
  -- this number is not there, nor will it be.
  CREATE TABLE heads (
    repository TEXT NOT NULL,
    incarnation TEXT NOT NULL,
    number INTEGER NOT NULL,
    gap INTEGER NOT NULL,
    PRIMARY KEY (repository, incarnation)
  ) STRICT, WITHOUT ROWID;

  -- Events that came before their predecessor. An empty body is a number that no event will have.
  CREATE TABLE parked (
    repository TEXT NOT NULL,
    incarnation TEXT NOT NULL,
    number INTEGER NOT NULL,
    id TEXT NOT NULL,
    body TEXT NOT NULL,
    parked_at INTEGER NOT NULL,
    PRIMARY KEY (repository, incarnation, number)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX parked_by_age ON parked (parked_at);

  -- Numbers that were given up, both ends included: an event of them that comes all the same is appended when it comes.
  CREATE TABLE missing (
    repository TEXT NOT NULL,
    incarnation TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (repository, incarnation, first)
  ) STRICT, WITHOUT ROWID;

  -- Who is woken when something was appended.
  CREATE TABLE readers (
    name TEXT PRIMARY KEY,
    since INTEGER NOT NULL,
    -- The kinds that it wants, with spaces between.
    events TEXT NOT NULL,
    -- Where it is from: setting or admin.
    origin TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  ${TASKS_SCHEMA}
  `,
  `
  -- Up to which cursor all events looked too old to be kept, at the last runs that looked.
  CREATE TABLE sightings (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    old_up_to INTEGER NOT NULL
  ) STRICT;

  -- Cursors that no event has, both ends included: a registry that is restored goes on behind all that it may have given out.
  CREATE TABLE skipped (
    first INTEGER PRIMARY KEY,
    last INTEGER NOT NULL
  ) STRICT;

  -- When the setting named it no more; null: it is woken. Named again soon, it goes on where it was.
  ALTER TABLE readers ADD COLUMN removed_at INTEGER;
  `,
] as const;
