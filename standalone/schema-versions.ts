/** How many migrations each class of objects has in this release, as the data directory notes it (version-file.ts). */
import { MIGRATIONS as ACCOUNTS } from '../src/objects/accounts/schema.ts';
import { MIGRATIONS as BLOB_DIRECTORY } from '../src/objects/blob-directory/schema.ts';
import { MIGRATIONS as CATALOG } from '../src/objects/catalog/schema.ts';
import { MIGRATIONS as ENDPOINT } from '../src/objects/endpoint/schema.ts';
import { MIGRATIONS as EVENT_LOG } from '../src/objects/event-log/schema.ts';
import { MIGRATIONS as EVENT_QUEUE } from '../src/objects/event-queue/schema.ts';
import { MIGRATIONS as REPOSITORY } from '../src/objects/repository/schema.ts';
import { MIGRATIONS as UPLOAD } from '../src/objects/upload/schema.ts';

export const SCHEMA_VERSIONS = {
  Accounts: ACCOUNTS.length,
  BlobDirectory: BLOB_DIRECTORY.length,
  Catalog: CATALOG.length,
  Endpoint: ENDPOINT.length,
  EventLog: EVENT_LOG.length,
  EventQueue: EVENT_QUEUE.length,
  Repository: REPOSITORY.length,
  Upload: UPLOAD.length,
} as const;
