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
] as const;
