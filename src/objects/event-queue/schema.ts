/** Tables of EventQueue: what was sent and not yet taken, and what nobody could read. */
import { TASKS_SCHEMA } from '../tasks-schema.ts';

export const MIGRATIONS = [
  `
  CREATE TABLE messages (
    id INTEGER PRIMARY KEY,
    body TEXT NOT NULL
  ) STRICT;
  ${TASKS_SCHEMA}
  `,
  `
  -- What the release that met it could not read.
  CREATE TABLE unreadable (
    id INTEGER PRIMARY KEY,
    body TEXT NOT NULL,
    set_aside_at INTEGER NOT NULL
  ) STRICT;
  `,
] as const;
