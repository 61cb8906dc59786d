/** Table of EventQueue: what was sent and not yet taken. */
import { TASKS_SCHEMA } from '../tasks-schema.ts';

export const MIGRATIONS = [
  `
  CREATE TABLE messages (
    id INTEGER PRIMARY KEY,
    body TEXT NOT NULL
  ) STRICT;
  ${TASKS_SCHEMA}
  `,
] as const;
