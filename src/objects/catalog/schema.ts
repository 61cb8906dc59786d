/** Table of Catalog: every repository name that was ever announced, with the newest thing said of it. */
export const MIGRATIONS = [
  `
  CREATE TABLE repositories (
    name TEXT PRIMARY KEY,
    present INTEGER NOT NULL,
    sequence INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX repositories_present ON repositories (name) WHERE present = 1;
  `,
  `
  -- A random word that stands for the name where a page ends at one that its reader may not see.
  ALTER TABLE repositories ADD COLUMN marker TEXT;
  UPDATE repositories SET marker = lower(hex(randomblob(16)));
  CREATE UNIQUE INDEX repositories_by_marker ON repositories (marker);
  `,
] as const;
