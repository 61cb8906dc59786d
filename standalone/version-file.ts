/**
 * `version.json` of a data directory: what the data look like, so that an older Berth doesn't touch newer data, and blobs
 * are looked for where they are. It is written when all else is there: data without it are half a copy.
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { SCHEMA_VERSIONS } from './schema-versions.ts';
import { STORAGE_KINDS, type StorageKind } from './settings/program-settings.ts';
import { systemErrorCode } from './start-failure.ts';

export const DATA_VERSION = 1;
export const VERSION = 'version.json';
export const NEW_VERSION = `${VERSION}.new`;

const OURS: ReadonlyMap<string, number> = new Map(Object.entries(SCHEMA_VERSIONS));

/** What was written before there were two kinds of storage is of the first. */
const VersionFile = v.object({
  version: v.pipe(v.number(), v.integer(), v.minValue(1)),
  storage: v.optional(v.picklist(STORAGE_KINDS), 'r2'),
  // Of each class of objects, the newest schema that a release which opened the directory knew. Objects are upgraded one by
  // one when they are asked for something, so this is written before the first of them.
  schemas: v.optional(v.record(v.string(), v.pipe(v.number(), v.integer(), v.minValue(1))), {}),
});
export type VersionFile = v.InferOutput<typeof VersionFile>;

/** Undefined where there is none. */
export function readVersion(directory: string): VersionFile | 'damaged' | undefined {
  let text: string;
  try {
    text = readFileSync(join(directory, VERSION), 'utf8');
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
    return undefined;
  }
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), VersionFile), text);
  return parsed.success ? parsed.output : 'damaged';
}

/** Of what this release serves. */
export function presentVersion(storage: StorageKind): VersionFile {
  return { version: DATA_VERSION, storage, schemas: SCHEMA_VERSIONS };
}

/** A copy is given what its source noted: nothing in it is newer, so whoever could serve the source can serve the copy. */
export function writeVersion(directory: string, content: VersionFile): void {
  writeWhole(directory, VERSION, content);
}

/** What in the data is newer than this release, in words; undefined where nothing is. */
export function newerPart({ version, schemas }: VersionFile): string | undefined {
  const difference = (what: string, theirs: number, ours: number): string =>
    `${what} ${String(theirs)}, this one knows ${String(ours)}`;
  if (version > DATA_VERSION) return difference('data version', version, DATA_VERSION);
  for (const [name, theirs] of Object.entries(schemas)) {
    const ours = OURS.get(name) ?? 0;
    if (theirs > ours) return difference(`schema of ${name}`, theirs, ours);
  }
  return undefined;
}

/** Whether objects may be upgraded now beyond what is noted. */
export function isNoted({ schemas }: VersionFile): boolean {
  return [...OURS].every(([name, ours]) => schemas[name] === ours);
}

/** Puts JSON on the disk in one step: the whole of it or nothing. Its name is synced with the directory, by the caller. */
export function writeWhole(directory: string, name: string, content: unknown): void {
  const unfinished = join(directory, `${name}.new`);
  // A crash may have left one, or somebody else a link: neither is written through.
  rmSync(unfinished, { force: true });
  const descriptor = openSync(unfinished, 'wx', 0o600);
  try {
    writeSync(descriptor, `${JSON.stringify(content)}\n`);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(unfinished, join(directory, name));
}
