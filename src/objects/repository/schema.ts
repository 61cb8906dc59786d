/** Tables of Repository: tags, manifests, links to blobs, the edges between them, intents, and sessions of uploads. */
import { ATTEMPTS_SCHEMA } from '../attempts-schema.ts';
import { TASKS_SCHEMA } from '../tasks-schema.ts';

export const MIGRATIONS = [
  `
  -- One row. The sequence counts changes of presence and survives an emptied repository.
  CREATE TABLE identity (
    name TEXT NOT NULL,
    incarnation TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    present INTEGER NOT NULL
  ) STRICT;

  -- A digest that this repository may serve. The location is a hint; the directory knows better.
  CREATE TABLE links (
    id INTEGER PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    store TEXT NOT NULL,
    key TEXT NOT NULL,
    size INTEGER NOT NULL,
    claim_id TEXT NOT NULL,
    keep_until INTEGER NOT NULL,
    uses INTEGER NOT NULL DEFAULT 0,
    -- The bytes were looked for in vain; an upload that is adopted settles it.
    damaged INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE INDEX links_unused ON links (keep_until) WHERE uses = 0;

  -- Claims that were asked for and not yet answered.
  CREATE TABLE intents (
    claim_id TEXT PRIMARY KEY,
    digest TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;

  -- Small manifests carry their bytes; a large one is a blob, and content_link leads to it.
  CREATE TABLE manifests (
    id INTEGER PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    media_type TEXT NOT NULL,
    artifact_type TEXT,
    subject TEXT,
    size INTEGER NOT NULL,
    bytes BLOB,
    content_link INTEGER REFERENCES links (id),
    pushed_at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX manifests_by_subject ON manifests (subject) WHERE subject IS NOT NULL;

  CREATE TABLE blob_edges (
    manifest INTEGER NOT NULL REFERENCES manifests (id),
    link INTEGER NOT NULL REFERENCES links (id),
    PRIMARY KEY (manifest, link)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX blob_edges_by_link ON blob_edges (link);

  CREATE TABLE manifest_edges (
    parent INTEGER NOT NULL REFERENCES manifests (id),
    child INTEGER NOT NULL REFERENCES manifests (id),
    PRIMARY KEY (parent, child)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX manifest_edges_by_child ON manifest_edges (child);

  CREATE TABLE tags (
    name TEXT PRIMARY KEY,
    manifest INTEGER NOT NULL REFERENCES manifests (id),
    moved_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX tags_by_manifest ON tags (manifest);
  ${TASKS_SCHEMA}
  `,
  `
  -- What an upload session came to, until it expires: one of kept, streaming, done and gone. One without a row is fresh.
  CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    key TEXT,
    digest TEXT,
    size INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX sessions_by_expiry ON sessions (expires_at);
  ${ATTEMPTS_SCHEMA}
  `,
  `
  -- What a manifest refers to and the repository does not have: kind is blob or manifest. The edge is drawn when it comes.
  CREATE TABLE awaited (
    digest TEXT NOT NULL,
    kind TEXT NOT NULL,
    manifest INTEGER NOT NULL REFERENCES manifests (id),
    PRIMARY KEY (digest, kind, manifest)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX awaited_by_manifest ON awaited (manifest);

  -- Of a manifest with a subject, as JSON: the list of referrers copies them.
  ALTER TABLE manifests ADD COLUMN annotations TEXT;
  CREATE INDEX manifests_by_subject_and_type ON manifests (subject, artifact_type) WHERE subject IS NOT NULL;
  CREATE INDEX manifests_by_content ON manifests (content_link) WHERE content_link IS NOT NULL;
  `,
  `
  -- What a tag led to when it was deleted, for pushes that may give tags and not move them. Gone once it is given again.
  CREATE TABLE deleted_tags (
    name TEXT PRIMARY KEY,
    digest TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- One row: how many rows deleted_tags has, which has a bound.
  CREATE TABLE deleted_tags_count (
    count INTEGER NOT NULL
  ) STRICT;
  INSERT INTO deleted_tags_count SELECT count(*) FROM deleted_tags;
  CREATE TRIGGER deleted_tag_remembered AFTER INSERT ON deleted_tags
    BEGIN UPDATE deleted_tags_count SET count = count + 1; END;
  CREATE TRIGGER deleted_tag_forgotten AFTER DELETE ON deleted_tags
    BEGIN UPDATE deleted_tags_count SET count = count - 1; END;
  `,
  `
  -- How many events there ever were; it outlives whatever the repository holds.
  ALTER TABLE identity ADD COLUMN events INTEGER NOT NULL DEFAULT 0;

  -- Events that the Queue has not taken yet, as JSON. Refusals: how often it did not take this one by itself.
  CREATE TABLE outbox (
    number INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    body TEXT NOT NULL,
    refusals INTEGER NOT NULL DEFAULT 0
  ) STRICT;

  -- Those that it never took, while it took others.
  CREATE TABLE set_aside (
    number INTEGER PRIMARY KEY,
    body TEXT NOT NULL,
    reason TEXT NOT NULL
  ) STRICT;
  `,
] as const;
