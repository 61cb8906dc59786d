/**
 * What lies where below the data directory, for the bytes of blobs (docs/storage.md, "The files of npm start"):
 *
 *   blobs/ab/ab12…   one finished object, under the last part of its key
 *   uploads/<id>     one unfinished write: a multipart write, whose parts lie in it where they belong, or a `put-<id>`
 *   held/<name>      deleted while a backup ran, until it ends
 *   files.socket     where the file service listens
 */
import { join } from 'node:path';

/** `blobs/ab/<hex digits>`, as mintKey() makes them. Nothing else ever becomes a path. */
const KEY = /^blobs\/([0-9a-f]{2})\/([0-9a-f]{8,64})$/;
const UPLOAD_ID = /^[0-9a-f]{32}$/;

export const BLOBS = 'blobs';
export const UPLOADS = 'uploads';
export const HELD = 'held';
/** Where the file service listens. */
export const SOCKET = 'files.socket';
/** Of a `put`, which nobody goes on with after a crash: such files are swept at start. */
export const PUT_PREFIX = 'put-';

export interface ObjectPath {
  readonly path: string;
  readonly directory: string;
}

/** Undefined for what is no key. */
export function objectPath(root: string, key: string): ObjectPath | undefined {
  const [, shard, name] = KEY.exec(key) ?? [];
  if (shard === undefined || name === undefined) return undefined;
  const directory = join(root, BLOBS, shard);
  return { directory, path: join(directory, name) };
}

/** Where a deleted object is kept while a backup runs. */
export function heldPath(root: string, key: string): string {
  return join(root, HELD, key.replaceAll('/', '-'));
}

/** Undefined for what is no id. */
export function uploadPath(root: string, id: string): string | undefined {
  return UPLOAD_ID.test(id) ? join(root, UPLOADS, id) : undefined;
}
