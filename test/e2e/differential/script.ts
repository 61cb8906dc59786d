/** The whole script. The catalog comes first, while the registries hold nothing else. */
import { BASE } from './script/base.ts';
import { BLOB_RANGES } from './script/blob-ranges.ts';
import { BLOBS } from './script/blobs.ts';
import { CATALOG } from './script/catalog.ts';
import { DELETES } from './script/deletes.ts';
import { HEADERS } from './script/headers.ts';
import { MANIFEST_FAULTS } from './script/manifest-faults.ts';
import { MANIFESTS } from './script/manifests.ts';
import { MOUNTS } from './script/mounts.ts';
import { NAMES } from './script/names.ts';
import { TAGS } from './script/tags.ts';
import { UPLOAD_FAULTS } from './script/upload-faults.ts';
import { UPLOADS } from './script/uploads.ts';
import { idOf, type Resource } from './step.ts';

export const SCRIPT: readonly Resource[] = [
  ...[CATALOG, BASE, NAMES, HEADERS, BLOBS, BLOB_RANGES, UPLOADS, UPLOAD_FAULTS],
  ...[MOUNTS, MANIFESTS, MANIFEST_FAULTS, TAGS, DELETES],
];

/** Of every step, also of those that only prepare. */
export const STEP_IDS: readonly string[] = SCRIPT.flatMap((resource) =>
  resource.steps.map((step) => idOf(resource, step)),
);
