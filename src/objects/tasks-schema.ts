/** The table of tasks (tasks.ts), for the schema of each object. Only text: `npm start` reads how many migrations there are. */
export const TASKS_SCHEMA = `
  CREATE TABLE tasks (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    due INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    UNIQUE (kind, subject)
  ) STRICT;
  CREATE INDEX tasks_by_due ON tasks (due);
`;
